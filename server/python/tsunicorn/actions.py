"""How an app's action is called: by the app's own `__call__` where it has one, with the arguments that fit."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Optional, Sequence

from .app import find_action, is_base, may_be_action


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
    return functools.partial(call, name) if may_be_action(name) else None
