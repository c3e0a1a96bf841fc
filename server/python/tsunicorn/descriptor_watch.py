"""What the log says when this process has no file descriptors left."""

from __future__ import annotations

import asyncio
import errno
import math
import os
from typing import Any, Dict, Optional

from .log import log

_LOOK_S = 1
_NONE_LEFT = (errno.EMFILE, errno.ENFILE)


class DescriptorWatch:
    """Says so once, and once when there are some again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._since: Optional[float] = None
        self._look()

    def explains(self, context: Dict[str, Any]) -> bool:
        """Whether asyncio's trouble is a connection for which there was no descriptor: it tells that of each one."""
        error = context.get("exception")
        return isinstance(error, OSError) and error.errno in _NONE_LEFT and "socket" in context

    def _look(self) -> None:
        left = _are_left()
        if not left and self._since is None:
            self._since = self._loop.time()
            log.error(
                "there are no file descriptors left: new connections wait; raise the limit (ulimit -n, LimitNOFILE)"
            )
        elif left and self._since is not None:
            seconds = math.ceil(self._loop.time() - self._since)
            self._since = None
            log.info("there are file descriptors again, after %d s", seconds)
        self._loop.call_later(_LOOK_S, self._look)


def _are_left() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        return True
    except OSError as error:
        return error.errno not in _NONE_LEFT
