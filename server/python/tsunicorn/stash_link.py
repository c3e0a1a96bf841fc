"""The process's connection for the stash, in the main thread."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import Future
from typing import Any, Dict, List, Optional, Tuple

from . import frames, tlv
from .connection import Connection
from .errors import DirtyConnectionError, DirtyTimeoutError, StashError, from_wire

_RECONNECT_S = 0.05
#: What an operation may take, the dirty arbiter's death included.
TIMEOUT_S = 10.0
_MAX_WAITING = 65_536
#: Bytes of what waits, which is kept to be sent again; one more may always follow.
_MAX_WAITING_BYTES = 128 * 1024 * 1024

#: What was asked, until when, who waits, and the parts of a long list that have come.
_Waiting = Tuple[bytes, float, "Future[Any]", List[Any]]


class StashLink:
    """
    It is opened with the first operation, and comes back by itself: what had no answer when the dirty arbiter went away
    is sent again under the same client's name and id, by which its successor knows what was done already.
    """

    def __init__(self, path: str, hello: Dict[str, Any]) -> None:
        self._path = path
        self._hello = {**hello, "role": "stash", "client": secrets.token_urlsafe(9)}
        self._loop = asyncio.get_running_loop()
        self._waiting: Dict[int, _Waiting] = {}
        self._bytes = 0
        self._last_id = 0
        self._connection: Optional[Connection] = None
        self._opening: Optional["asyncio.Task[None]"] = None
        self._welcomed = False
        self._alarm: Optional[asyncio.TimerHandle] = None

    def ask(self, fields: Dict[str, Any]) -> "Future[Any]":
        """
        Asks for an operation. Called in any thread but the main one.
        :raises DirtyProtocolError: when a value cannot cross.
        """
        # Encoded now: the caller may change the value as soon as this returns.
        encoded = {name: tlv.encode(value, 1) for name, value in fields.items()}
        future: "Future[Any]" = Future()
        self._loop.call_soon_threadsafe(self._send, encoded, future)
        return future

    def _send(self, fields: Dict[str, bytes], future: "Future[Any]") -> None:
        if len(self._waiting) >= _MAX_WAITING or self._bytes >= _MAX_WAITING_BYTES:
            future.set_exception(
                StashError(f"{len(self._waiting)} stash operations of {self._bytes} bytes are under way; await some before you begin more.")
            )
            return
        fields["answered"] = tlv.encode(next(iter(self._waiting), self._last_id + 1) - 1)
        payload = tlv.dict_of(fields)
        self._last_id += 1
        self._waiting[self._last_id] = (payload, self._loop.time() + TIMEOUT_S, future, [])
        self._bytes += len(payload)
        if self._alarm is None:
            self._alarm = self._loop.call_later(TIMEOUT_S, self._expire)
        if self._connection is not None:
            self._connection.write(frames.encoded(frames.STASH, self._last_id, payload))
        else:
            self._open()

    def _open(self) -> None:
        if self._connection is None and self._waiting and (self._opening is None or self._opening.done()):
            self._opening = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            _, connection = await self._loop.create_unix_connection(lambda: Connection(self._receive, self._lost), self._path)
        except OSError:
            self._loop.call_later(_RECONNECT_S, self._open)
            return
        self._connection = connection
        connection.send(frames.HELLO, 0, self._hello)
        for request_id, (payload, _, _, parts) in self._waiting.items():
            parts.clear()
            connection.write(frames.encoded(frames.STASH, request_id, payload))

    def _receive(self, kind: int, request_id: int, payload: bytes) -> None:
        if kind == frames.WELCOME:
            self._welcomed = True
            return
        if kind == frames.CHUNK:
            if request_id in self._waiting:
                self._waiting[request_id][3].extend(frames.payload_dict(payload)["data"])
            return
        waiting = self._take(request_id)
        if waiting is None:
            return
        _, _, future, parts = waiting
        if kind == frames.RESPONSE:
            result = frames.payload_dict(payload).get("result")
            _settle(future, parts + result if parts else result)
        elif kind == frames.ERROR:
            _settle(future, from_wire(frames.payload_dict(payload)))

    def _take(self, request_id: int) -> Optional[_Waiting]:
        waiting = self._waiting.pop(request_id, None)
        if waiting is not None:
            self._bytes -= len(waiting[0])
        return waiting

    def _lost(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None
            self._welcomed = False
            self._loop.call_later(_RECONNECT_S, self._open)

    def _expire(self) -> None:
        # One timer for all: they have the same time, so the oldest is the next that is over.
        self._alarm = None
        now = self._loop.time()
        for request_id, (_, until, future, _) in list(self._waiting.items()):
            if until > now:
                self._alarm = self._loop.call_later(until - now, self._expire)
                return
            self._take(request_id)
            unknown = "Whether it was carried out is not known."
            if self._welcomed:
                _settle(future, DirtyTimeoutError(f"The dirty arbiter did not answer a stash operation within {TIMEOUT_S:g} s. {unknown}"))
            else:
                _settle(future, DirtyConnectionError(f"The dirty arbiter cannot be reached for a stash operation. {unknown}"))


def _settle(future: "Future[Any]", outcome: Any) -> None:
    # Whoever awaited it may have been cancelled.
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
