"""The errors of dirty calls, by the names under which they cross the wire."""

from typing import Any, Dict, Optional


class DirtyError(Exception):
    """Base of every error that a dirty call can end with. `details` is plain data that crosses the wire."""

    #: For classes of an app's own: whether it is an answer and no fault, as the refusal of a request that cannot be
    #: served. The log then has it at the level debug, without a traceback.
    expected = False

    def __init__(self, message: str = "", details: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details) if details else {}


class DirtyTimeoutError(DirtyError):
    """It took longer than it may."""


class DirtyConnectionError(DirtyError):
    """The dirty arbiter cannot be reached."""


class DirtyWorkerError(DirtyError):
    """The worker died, or gave up the run."""


class DirtyAppError(DirtyError):
    """The app raised an error."""


class DirtyAppNotFoundError(DirtyAppError):
    """There is no such app, or it has no such action."""


class DirtyNoWorkersAvailableError(DirtyError):
    """No worker runs the app."""


class DirtyProtocolError(DirtyError):
    """Bytes that break the wire's rules, or a value that it cannot carry."""


class DirtyQueueFullError(DirtyError):
    """The app's queue is full."""


class DirtyQueueTimeoutError(DirtyError):
    """The request waited too long for a slot."""


class DirtyDrainingError(DirtyError):
    """The server is shutting down."""


class DirtyStreamNotFoundError(DirtyError):
    """No resumable stream has that id."""


class DirtyStreamGoneError(DirtyError):
    """The chunks that were asked for are not kept any more."""


class DirtyCancelledError(DirtyError):
    """A client ended the stream by its id."""


class StashError(DirtyError):
    """An operation that the stash cannot do."""


class StashFullError(StashError):
    """A table, or the stash, would grow over its bounds."""


class StashTableNotFoundError(StashError):
    """The stash has no such table."""


class StashKeyNotFoundError(StashError):
    """The table has no such key. It never leaves this package: `get` answers with its default."""


_BY_NAME = {
    cls.__name__: cls
    for cls in (
        DirtyError,
        DirtyTimeoutError,
        DirtyConnectionError,
        DirtyWorkerError,
        DirtyAppError,
        DirtyAppNotFoundError,
        DirtyNoWorkersAvailableError,
        DirtyProtocolError,
        DirtyQueueFullError,
        DirtyQueueTimeoutError,
        DirtyDrainingError,
        DirtyStreamNotFoundError,
        DirtyStreamGoneError,
        DirtyCancelledError,
        StashError,
        StashFullError,
        StashTableNotFoundError,
        StashKeyNotFoundError,
    )
}


def to_wire(error: BaseException, details: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """
    What an ERROR frame carries of an error. An error of another class is the app's: it crosses as a DirtyAppError with
    its own message, and its class as `details.error_class`. A class of the app's own crosses as the one it extends.
    """
    name = type(error).__name__
    kind = "DirtyAppError"
    if isinstance(error, DirtyError):
        kind = next(cls.__name__ for cls in type(error).__mro__ if _BY_NAME.get(cls.__name__) is cls)
    merged: Dict[str, Any] = dict(details or {})
    if isinstance(error, DirtyError):
        merged.update(error.details)
    if name != kind:
        merged["error_class"] = name
    return {"error_type": kind, "message": text_of(error), "details": merged}


def from_wire(payload: Dict[str, Any]) -> DirtyError:
    """The error that an ERROR frame names. What is missing in it is filled in: the error matters more than its form."""
    error = payload.get("error")
    error = error if isinstance(error, dict) else {}
    message, details = error.get("message"), error.get("details")
    return _BY_NAME.get(str(error.get("error_type")), DirtyError)(
        message if isinstance(message, str) else "The other side failed without a reason.",
        details if isinstance(details, dict) else {},
    )


def text_of(error: BaseException) -> str:
    """The error's text; its class where it has none. Anything can be raised."""
    try:
        text = str(error)
    except Exception:
        return "The error has no text."
    return text if text.strip() else type(error).__name__
