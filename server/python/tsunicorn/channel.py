"""What the arbiter and this process say to each other, over the channel that Node gives its children."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from typing import Any, Callable, Dict, Optional, cast

from . import forks

#: Lines of JSON. The other end is our own arbiter's; a longer line is a fault.
_MAX_LINE = 64 * 1024 * 1024


class Channel(asyncio.Protocol):
    """The channel. Its end means that the arbiter is gone."""

    def __init__(self, handle: Callable[[Dict[str, Any]], None], gone: Callable[[], None]) -> None:
        self._handle = handle
        self._gone = gone
        self._kept = bytearray()
        self._transport: Optional[asyncio.Transport] = None

    @staticmethod
    async def open(handle: Callable[[Dict[str, Any]], None], gone: Callable[[], None]) -> "Channel":
        """Takes the inherited channel, and hides it from the processes that apps start."""
        fd = int(os.environ.pop("NODE_CHANNEL_FD"))
        os.environ.pop("NODE_CHANNEL_SERIALIZATION_MODE", None)
        os.set_inheritable(fd, False)
        channel = Channel(handle, gone)
        inherited = socket.socket(fileno=fd)
        forks.withhold(inherited)
        await asyncio.get_running_loop().create_unix_connection(lambda: channel, sock=inherited)
        return channel

    def tell(self, message: Dict[str, Any]) -> None:
        """Sends to the arbiter."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(json.dumps(message).encode() + b"\n")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._kept += data
        *lines, rest = self._kept.split(b"\n")
        self._kept = bytearray(rest)
        if len(rest) > _MAX_LINE and self._transport is not None:
            self._transport.abort()
        for line in lines:
            message = json.loads(line)
            # Node's own messages have no type.
            if isinstance(message, dict) and isinstance(message.get("type"), str):
                self._handle(message)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._gone()
