"""The worker's connection to the dirty arbiter: it registers there, says that it lives, and gives back slots."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Dict, List, Optional

from . import frames
from .connection import Connection

_RECONNECT_S = 0.05
_HEARTBEAT_S = 0.25


class Registration:
    """When the dirty arbiter is replaced it registers with the new one, its models still loaded."""

    def __init__(
        self,
        path: str,
        hello: Dict[str, Any],
        ready: Callable[[], Dict[str, Any]],
        on_frame: Callable[[int, Dict[str, Any]], None],
    ) -> None:
        #: The epoch of the dirty arbiter that this worker is registered with; slots of an older one are void.
        self.epoch = 0
        self._path = path
        self._hello = hello
        self._ready = ready
        self._on_frame = on_frame
        self._loop = asyncio.get_running_loop()
        self._connection: Optional[Connection] = None
        self._started: List[int] = []
        self._closed = False
        self._opening: Optional["asyncio.Task[None]"] = None
        self._open()
        self._loop.call_later(_HEARTBEAT_S, self._beat)

    def announce(self) -> None:
        """Says again what the worker runs: with no apps, it takes nothing new."""
        # READY names all that runs. Told behind it, a run that began earlier and has ended would seem to run for ever.
        self._started = []
        self._send(frames.READY, self._ready())

    def began(self, slot: int) -> None:
        """Notes that a slot's run has begun; the next heartbeat tells."""
        self._started.append(slot)

    def free(self, slot: int, unused: bool = False) -> None:
        """Gives a slot back; `unused` when its request never ran here."""
        self._send(frames.FREE, {"slot": slot, "unused": True} if unused else {"slot": slot})

    def forget(self, message: Dict[str, Any]) -> None:
        """Says that a resumable stream cannot be read any more."""
        self._send(frames.FORGET, message)

    def close(self) -> None:
        """Closes for good."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()

    def _send(self, kind: int, value: Any) -> None:
        if self._connection is not None:
            self._connection.send(kind, 0, value)

    def _open(self) -> None:
        # Kept, since the loop itself holds tasks only weakly.
        self._opening = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            _, connection = await self._loop.create_unix_connection(lambda: Connection(self._receive, self._lost), self._path)
        except OSError:
            self._retry()
            return
        self._connection = connection
        connection.send(frames.HELLO, 0, self._hello)

    def _receive(self, kind: int, _request_id: int, payload: bytes) -> None:
        if kind == frames.WELCOME:
            self.epoch = frames.payload_dict(payload)["epoch"]
            self.announce()
        elif kind in (frames.REVOKE, frames.RUN):
            read = frames.run_dict if kind == frames.RUN else frames.payload_dict
            self._on_frame(kind, read(payload))

    def _lost(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None
            self._retry()

    def _retry(self) -> None:
        if not self._closed:
            self._loop.call_later(_RECONNECT_S, self._open)

    def _beat(self) -> None:
        if self._closed:
            return
        if self._connection is not None:
            self._send(frames.HEARTBEAT, {"started": self._started})
            self._started = []
        self._loop.call_later(_HEARTBEAT_S, self._beat)
