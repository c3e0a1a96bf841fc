"""What runs make, on its way from the threads of the app to the connections."""

from __future__ import annotations

import asyncio
import collections
from typing import Callable, Deque, Dict, List, Tuple

from . import frames
from .connection import Connection
from .resumable_stream import ResumableStream
from .run import SETTLED, Caller, Run

_ANSWERS = (frames.END, frames.RESPONSE, frames.ERROR)


class Outbox:
    """Made in the main thread, where everything here runs but `post`."""

    def __init__(self, settled: Callable[[Run], None]) -> None:
        """`settled` is told of each run whose code has ended, behind all that it posted."""
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self._posted: Deque[Tuple[Run, int, bytes]] = collections.deque()
        self._scheduled = False

    def post(self, run: Run, kind: int, payload: bytes) -> None:
        """Hands a frame of a run to the main thread. Called in any thread."""
        self._posted.append((run, kind, payload))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._send)

    def _send(self) -> None:
        # Before the first look: what is posted behind the last one schedules this anew.
        self._scheduled = False
        posted = self._posted
        # What is there now leaves in one write for each connection.
        gathered: Dict[Connection, List[bytes]] = {}
        flowing: Dict[ResumableStream, None] = {}
        for _ in range(len(posted)):
            run, kind, payload = posted.popleft()
            if kind == SETTLED:
                self._settled(run)
            elif not run.aborted and not run.answered:
                output = run.output
                if kind in _ANSWERS:
                    run.answered = True
                    run.finished()
                if isinstance(output, Caller):
                    gathered.setdefault(output.connection, []).append(frames.encoded(kind, output.id, payload))
                elif kind == frames.CHUNK and isinstance(output, ResumableStream):
                    output.keep(payload)
                    flowing[output] = None
                else:
                    output.tell(kind, payload)
        for connection, parts in gathered.items():
            connection.write(b"".join(parts))
        for stream in flowing:
            stream.flow()
        if posted and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._send)
