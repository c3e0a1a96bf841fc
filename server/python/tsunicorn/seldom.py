"""Warnings that a peer can cause as often as it likes."""

from __future__ import annotations

import asyncio

from .log import log

#: Seconds in which what comes again is counted instead of told.
_PAUSE_S = 10


class SeldomWarning:
    """The first is told, of the rest only the number."""

    def __init__(self, message: str, pause: float = _PAUSE_S) -> None:
        self._message = message
        self._pause = pause
        self._resting = False
        self._held = 0

    def warn(self, error: BaseException) -> None:
        """Warns, or counts. Called in the main thread's loop."""
        if self._resting:
            self._held += 1
            return
        log.warning("%s", self._message, exc_info=error)
        self._resting = True
        asyncio.get_running_loop().call_later(self._pause, self._tell)

    def _tell(self) -> None:
        held, self._held = self._held, 0
        self._resting = False
        if held > 0:
            log.warning("%s: %d more within %g s", self._message, held, self._pause)
