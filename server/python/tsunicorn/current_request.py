"""The request that an action serves."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import Any, List, Optional


class Request:
    """One request, while an action serves it."""

    def __init__(self, request_id: str, ms_left: float, emitted: List[Any]) -> None:
        self.id = request_id
        #: When the run's time is over, in seconds since the epoch, as `time.time()`.
        self.deadline = time.time() + ms_left / 1000
        #: The chunks that an earlier worker already delivered; empty on a first run.
        self.emitted = tuple(emitted)
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether the result is not wanted any more: the caller left, the time is over, or the server stops."""
        return self._cancelled.is_set()

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Sleeps so long, or until the request is cancelled. Returns whether it is. Not for `async` actions."""
        return self._cancelled.wait(seconds)

    def cancel(self) -> None:
        """Called by the worker."""
        self._cancelled.set()


_current: "contextvars.ContextVar[Optional[Request]]" = contextvars.ContextVar("tsunicorn.request", default=None)


def enter(served: Request) -> None:
    """Makes a request the current one of this context."""
    _current.set(served)


def current_or_none() -> Optional[Request]:
    """The current request, or None outside of an action."""
    return _current.get()


class CurrentRequest:
    """The request of the action that runs here, also when many run at once."""

    def current(self) -> Request:
        """
        The request itself, for a thread that the action starts.
        :raises RuntimeError: outside of an action.
        """
        served = _current.get()
        if served is None:
            raise RuntimeError("request is only there while an action runs, not in init(), close() or a thread of your own.")
        return served

    @property
    def id(self) -> str:
        """The request's id."""
        return self.current().id

    @property
    def deadline(self) -> float:
        """When the run's time is over, in seconds since the epoch, as `time.time()`."""
        return self.current().deadline

    @property
    def cancelled(self) -> bool:
        """Whether the result is not wanted any more."""
        return self.current().cancelled

    @property
    def emitted(self) -> tuple:
        """The chunks that an earlier worker already delivered; empty on a first run."""
        return self.current().emitted

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Sleeps so long, or until the request is cancelled. Returns whether it is. Not for `async` actions."""
        return self.current().wait(seconds)


request = CurrentRequest()
