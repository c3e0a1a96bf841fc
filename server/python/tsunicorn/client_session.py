"""A client of the dirty worker: what it asks for, until its connection closes."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Dict, Optional, Protocol

from . import frames
from .connection import Connection
from .errors import DirtyProtocolError
from .resumable_stream import ResumableStream
from .run_message import checked_run, is_number
from .stream_store import StreamStore

#: Seconds within which whoever connects must have said HELLO.
_HELLO_S = 5.0
#: Bytes that the payload of a HELLO may have; ours have some 200.
_MAX_HELLO = 4096
_ROLES = ("http-worker", "dirty-worker", "gateway", "app", "stash")


class Going(Protocol):
    """What a client's CANCEL and CREDIT act on: its run, its reading of a stream, or its waiting for one."""

    def abort(self) -> None: ...

    def grant(self, count: int) -> None: ...


class Waiting:
    """A client waits for a stream whose run is on its way."""

    def __init__(self, abort: Callable[[], None]) -> None:
        self.abort = abort

    def grant(self, count: int) -> None:
        """There is nothing yet that it could take."""


class SessionOwner(Protocol):
    """What a session asks of its worker."""

    streams: StreamStore

    def greet(self, hello: Dict[str, Any]) -> bool: ...

    def run(self, session: "ClientSession", request_id: int, message: Dict[str, Any]) -> None: ...

    def gone(self, session: "ClientSession") -> None: ...


class ClientSession:
    """What one client of the worker has going: its runs, and the streams that it reads."""

    def __init__(self, owner: SessionOwner) -> None:
        self.connection = Connection(self._receive, lambda _: self._closed(), self._announced)
        #: By its request ids.
        self.going: Dict[int, Going] = {}
        #: Whether it is another dirty worker, whose app calls the one here.
        self.colleague = False
        self._owner = owner
        self._wide = False
        self._welcome = False
        self._limit = asyncio.get_running_loop().call_later(_HELLO_S, self.connection.abort)

    def _announced(self, kind: int, length: int) -> None:
        """Refuses what may not be the first message, before anything of it is kept."""
        if self._welcome:
            return
        if kind != frames.HELLO:
            raise DirtyProtocolError("The first message to a dirty worker must be HELLO.")
        if length > _MAX_HELLO:
            raise DirtyProtocolError(f"A HELLO announces {length} bytes; at most {_MAX_HELLO} are allowed.")

    def _receive(self, kind: int, request_id: int, payload: bytes) -> None:
        if not self._welcome:
            hello = frames.payload_dict(payload)
            if hello.get("role") not in _ROLES or not is_number(hello.get("id")) or not is_number(hello.get("pid")):
                raise DirtyProtocolError("A HELLO does not say who its sender is.")
            self.colleague = self._owner.greet(hello)
            # The dirty arbiter asks for a client of Gunicorn's protocol: one in Python.
            self._wide = hello.get("role") == "gateway"
            self._welcome = True
            self._limit.cancel()
        elif kind == frames.RUN:
            message = checked_run(frames.run_dict(payload))
            self._owner.run(self, request_id, {**message, "wide": self._wide})
        elif kind == frames.CANCEL:
            cancelled = self.going.get(request_id)
            if cancelled is not None:
                cancelled.abort()
        elif kind == frames.CREDIT:
            count = frames.payload_dict(payload).get("bytes")
            if not is_number(count) or count < 0:
                raise DirtyProtocolError('The field "bytes" of a message is not a positive number.')
            granted = self.going.get(request_id)
            if granted is not None:
                granted.grant(int(count))
        elif kind == frames.ATTACH:
            self._attach(request_id, frames.payload_dict(payload))
        elif kind == frames.END_STREAM:
            self._end_stream(request_id, frames.payload_dict(payload))
        else:
            raise DirtyProtocolError(f"A dirty worker takes no message of type 0x{kind:x}.")

    def _attach(self, request_id: int, message: Dict[str, Any]) -> None:
        after = message.get("after")
        if not isinstance(after, int) or isinstance(after, bool) or after < 0:
            raise DirtyProtocolError('The field "after" of a message is not a count.')

        def found(stream: Optional[ResumableStream]) -> None:
            if stream is None:
                self.connection.send(frames.NACK, request_id)
                return
            prefix = message.get("prefix") is True
            reader = stream.attach(self.connection, request_id, after, prefix, lambda: self._done(request_id))
            if reader is not None:
                self.going[request_id] = reader

        self._find(request_id, message.get("slot"), message.get("stream"), found)

    def _end_stream(self, request_id: int, message: Dict[str, Any]) -> None:
        def found(stream: Optional[ResumableStream]) -> None:
            if stream is None:
                self.connection.send(frames.NACK, request_id)
                return
            stream.cancel()
            self.connection.send(frames.RESPONSE, request_id, {"result": None})

        self._find(request_id, message.get("slot", 0), message.get("stream"), found)

    def _find(self, request_id: int, slot: Any, name: Any, found: Callable[[Optional[ResumableStream]], None]) -> None:
        if not is_number(slot) or not isinstance(name, str):
            raise DirtyProtocolError("A message about a stream names none.")
        settled = False

        def settle(stream: Optional[ResumableStream]) -> None:
            nonlocal settled
            settled = True
            self._done(request_id)
            found(stream)

        give_up = self._owner.streams.find(slot, name, settle)

        def abort() -> None:
            give_up()
            self._done(request_id)

        if not settled:
            self.going[request_id] = Waiting(abort)

    def _done(self, request_id: int) -> None:
        self.going.pop(request_id, None)

    def _closed(self) -> None:
        self._limit.cancel()
        self._owner.gone(self)
