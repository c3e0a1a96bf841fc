"""Which methods of an app are actions."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Optional, Sequence

from .app import DirtyApp

_RESERVED = frozenset({"init", "close", "request"})


def is_base(cls: type) -> bool:
    """Whether a class is a base of apps, this package's or Gunicorn's, and not of the author's making."""
    return cls is object or cls is DirtyApp or (cls.__module__ == "gunicorn.dirty.app" and cls.__name__ == "DirtyApp")


def find_action(app: Any, name: str) -> Optional[Callable[..., Any]]:
    """The action of that name, bound to the app; None when it has none."""
    if name.startswith("_") or name in _RESERVED:
        return None
    for cls in type(app).__mro__:
        if is_base(cls) or name not in vars(cls):
            continue
        member = vars(cls)[name]
        if isinstance(member, type) or not (callable(member) or isinstance(member, (staticmethod, classmethod, functools.partialmethod))):
            return None
        bound = getattr(app, name)
        return bound if callable(bound) else None
    return None


def own_call(app: Any) -> Optional[Callable[..., Any]]:
    """The app's own `__call__(action, ...)`, where its author wrote one: it decides what an action is."""
    for cls in type(app).__mro__:
        if not is_base(cls) and "__call__" in vars(cls):
            return app.__call__
    return None


def fitting(action: Callable[..., Any], args: Sequence[Any]) -> Sequence[Any]:
    """
    The arguments without those that the action does not take: callers in TypeScript are used to that, and so the same
    call serves `generate(prompt)` as well as `generate(prompt, thinking, messages)`.
    """
    try:
        parameters = inspect.signature(action).parameters.values()
    except (TypeError, ValueError):
        return args
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters):
        return args
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return args[: sum(one.kind in positional for one in parameters)]


def resolve(app: Any, name: str) -> Optional[Callable[..., Any]]:
    """What to call for an action; None where the app has none of that name."""
    call = own_call(app)
    if call is None:
        return find_action(app, name)
    return None if name.startswith("_") or name in _RESERVED else functools.partial(call, name)
