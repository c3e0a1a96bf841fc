"""Frames over a socket, in the main thread's loop."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Optional, cast

from . import forks, frames
from .errors import DirtyProtocolError, to_wire
from .seldom import SeldomWarning

_CLOSE_S = 1.0
#: A peer can cause this with every frame that it sends.
_failures = SeldomWarning("a connection to the dirty worker failed")

#: Called with (type, request id, payload). What it raises ends the connection.
OnFrame = Callable[[int, int, bytes], None]


class Connection(asyncio.Protocol):
    """One connection of the dirty protocol."""

    def __init__(
        self,
        on_frame: OnFrame,
        on_closed: Callable[["Connection"], None],
        announced: Optional[Callable[[int, int], None]] = None,
    ) -> None:
        """`announced` as in `frames.FrameReader`."""
        self._on_frame = on_frame
        self._on_closed = on_closed
        self._reader = frames.FrameReader(announced)
        self._transport: Optional[asyncio.Transport] = None
        self._closing = False
        self._fd = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._fd = forks.withhold(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            for kind, request_id, payload in self._reader.push(data):
                self._on_frame(kind, request_id, payload)
                if self._closing:
                    return
        except Exception as error:
            _failures.warn(error)
            # Any other error is a fault of this side, which is for its own log.
            known = isinstance(error, DirtyProtocolError)
            told = error if known else DirtyProtocolError("The message could not be handled.")
            self.send(frames.ERROR, 0, {"error": to_wire(told)})
            self.close()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._closing = True
        forks.release(self._fd)
        self._on_closed(self)

    def send(self, kind: int, request_id: int, value: Any = frames.NOTHING) -> None:
        """Sends a frame with one value as its payload, or none."""
        self.write(frames.frame(kind, request_id, value))

    def write(self, data: bytes) -> None:
        """Sends frames that are encoded already."""
        if not self._closing and self._transport is not None:
            self._transport.write(data)

    @property
    def backlog(self) -> int:
        """Bytes that the peer has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Sends what is left, then closes. A peer that does not read can delay that by a second."""
        if not self._closing and self._transport is not None:
            self._closing = True
            self._transport.close()
            asyncio.get_running_loop().call_later(_CLOSE_S, self._transport.abort)

    def abort(self) -> None:
        """Closes at once."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()
