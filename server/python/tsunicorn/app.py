"""The base class of apps in Python, and which of an app's methods are its actions."""

from __future__ import annotations

import functools
from typing import Any, Callable, List, Mapping, Optional, Sequence, Union

_RESERVED = frozenset({"init", "close", "request"})


class DirtyApp:
    """
    Base of a dirty app: a class whose instance lives in a dirty worker, keeps something heavy loaded, and whose methods
    (actions) HTTP workers call. A generator action streams, any other gives one result.

    An action is a method that the app's author wrote: none that begins with `_`, and not `init` or `close`.
    """

    #: How many dirty workers load this app. Default: 1.
    workers: Optional[int] = None
    #: How many requests one worker runs at once. Default: 1.
    concurrency: int = 1
    #: Actions that can go on from `request.emitted` when their worker died.
    continues: Sequence[str] = ()
    #: Units of each resource that the app needs in every worker, as `{"gpu": 1}`.
    resources: Mapping[str, int] = {}
    #: Tables of the stash that are made before `init`: names, or a dict of bounds by name.
    stashes: Union[Sequence[str], Mapping[str, Mapping[str, Any]]] = ()

    def init(self) -> Any:
        """Called once in each worker, before it takes requests. Load the model here."""

    def close(self) -> Any:
        """Called once when the worker ends. Free what `init` took."""

    def __call__(self, action: str, *args: Any, **kwargs: Any) -> Any:
        """Calls an action by its name, as in Gunicorn: a class of your own may do it in another way."""
        found = find_action(self, action)
        if found is None:
            raise ValueError(f"Unknown action: {action}")
        return found(*args, **kwargs)


def is_base(cls: type) -> bool:
    """Whether a class is a base of apps, this package's or Gunicorn's, and not of the author's making."""
    return cls is object or cls is DirtyApp or (cls.__module__ == "gunicorn.dirty.app" and cls.__name__ == "DirtyApp")


def may_be_action(name: str) -> bool:
    """Whether an action may have that name."""
    return not name.startswith("_") and name not in _RESERVED


def actions_of(app: Any) -> List[str]:
    """The names of the app's actions, those of its base classes included."""
    names = {name for cls in type(app).__mro__ if not is_base(cls) for name in vars(cls)}
    return sorted(name for name in names if find_action(app, name) is not None)


def find_action(app: Any, name: str) -> Optional[Callable[..., Any]]:
    """The action of that name, bound to the app; None when it has none."""
    if not may_be_action(name):
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
