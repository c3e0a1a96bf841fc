"""The base class of apps in Python."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence, Union


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
        from .actions import find_action

        found = find_action(self, action)
        if found is None:
            raise ValueError(f"Unknown action: {action}")
        return found(*args, **kwargs)
