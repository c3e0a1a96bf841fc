"""How an app's action is called: by the app's own `__call__` where it has one, with the arguments that fit."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Optional, Sequence

from .app import find_action, is_base, may_be_action
from .tlv import UNDEFINED


def own_call(app: Any) -> Optional[Callable[..., Any]]:
    """The app's own `__call__(action, ...)`, where its author wrote one: it decides what an action is."""
    for cls in type(app).__mro__:
        if not is_base(cls) and "__call__" in vars(cls):
            return app.__call__
    return None


def fitting(action: Callable[..., Any], args: Sequence[Any]) -> Sequence[Any]:
    """
    The arguments without those that the action does not take: callers in TypeScript are used to that, and so the same
    call serves `generate(prompt)` as well as `generate(prompt, thinking, messages)`. One that was left out, as
    `undefined` is, is the parameter's default; None where it has none.
    """
    try:
        parameters = list(inspect.signature(action).parameters.values())
    except (TypeError, ValueError):
        return [None if arg is UNDEFINED else arg for arg in args]
    places = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if not any(one.kind is one.VAR_POSITIONAL for one in parameters):
        args = args[: len(places)]
    return [_default(places, at) if arg is UNDEFINED else arg for at, arg in enumerate(args)]


def _default(places: Sequence[inspect.Parameter], at: int) -> Any:
    default = places[at].default if at < len(places) else None
    return None if default is inspect.Parameter.empty else default


def resolve(app: Any, name: str) -> Optional[Callable[..., Any]]:
    """What to call for an action; None where the app has none of that name."""
    call = own_call(app)
    if call is None:
        return find_action(app, name)
    return functools.partial(call, name) if may_be_action(name) else None
