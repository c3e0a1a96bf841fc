"""The resumable streams of a worker: those that run, and those that have ended and are kept for whoever comes back."""

from __future__ import annotations

import asyncio
import collections
from typing import Any, Callable, Dict, List, Optional

from .resumable_stream import ResumableStream

#: Bytes that the chunks of one stream may take.
STREAM_BYTES = 4 * 1024 * 1024
#: Bytes that all streams of a worker may take.
TOTAL_BYTES = 256 * 1024 * 1024
#: Seconds that a stream is kept after its end.
RETENTION_S = 300.0
# A reader that was sent here may be faster than the RUN of the client that got the slot. By then an unused slot is
# taken back.
_EXPECTED_S = 2.5
_MAX_EXPECTING = 4096
#: Slots of streams that are remembered when those are gone, so that nobody waits for them.
_MAX_REMEMBERED = 4096

Found = Callable[[Optional[ResumableStream]], None]


class _Expecting:
    """Somebody who waits for a stream whose RUN is on its way."""

    def __init__(self, slot: int, settle: Found) -> None:
        self.slot = slot
        self.settle = settle
        self.timer: Optional[asyncio.TimerHandle] = None


class StreamStore:
    """All of them together are bounded; what ended first goes first."""

    def __init__(
        self,
        grace: float,
        forgotten: Callable[[Dict[str, Any]], None],
        changed: Callable[[], None],
        stream_bytes: int = STREAM_BYTES,
        total_bytes: int = TOTAL_BYTES,
    ) -> None:
        """
        `grace`: seconds that a run goes on without a reader. `forgotten` is told of a stream that is not kept any more;
        `changed`, that fewer streams may be wanted than before.
        """
        self.grace = grace
        self.stream_bytes = stream_bytes
        self.changed = changed
        self._forgotten = forgotten
        self._total_bytes = total_bytes
        self._streams: Dict[int, ResumableStream] = {}
        #: Those that have ended, the oldest first, and when they are given up.
        self._expiries: Dict[ResumableStream, asyncio.TimerHandle] = {}
        self._expecting: Dict[_Expecting, None] = {}
        self._past: "collections.OrderedDict[int, None]" = collections.OrderedDict()
        self._bytes = 0

    @property
    def wanted(self) -> bool:
        """Whether a worker that drains waits for a stream that has ended or ends."""
        return any(stream.wanted for stream in self._streams.values())

    def has(self, slot: int) -> bool:
        """Whether a slot's run is a stream that is kept."""
        return slot in self._streams

    def create(self, message: Dict[str, Any], continues: bool) -> ResumableStream:
        """Makes the stream of a run; readers that came before it are let in once the run has begun."""
        stream = ResumableStream(self, message, continues)
        self._streams[stream.slot] = stream
        self._bytes += stream.bytes
        self._shrink(stream)
        return stream

    def welcome(self, stream: ResumableStream) -> None:
        """Lets those in that asked for a stream before its run was here."""
        for waiting in list(self._expecting):
            # It may be over, and gone, before anybody is let in.
            if waiting.slot == stream.slot:
                self._settle(waiting, self._streams.get(stream.slot))

    def find(self, slot: int, name: str, found: Found) -> Callable[[], None]:
        """
        Gives the stream of a run, waiting a little for a RUN that is on its way; None: this worker has none. Returns
        what gives up waiting.
        """

        def settle(stream: Optional[ResumableStream]) -> None:
            found(stream if stream is not None and stream.id == name else None)

        stream = self._streams.get(slot)
        if stream is not None or slot in self._past or len(self._expecting) >= _MAX_EXPECTING:
            settle(stream)
            return lambda: None
        waiting = _Expecting(slot, settle)
        waiting.timer = asyncio.get_running_loop().call_later(_EXPECTED_S, self._settle, waiting, None)
        self._expecting[waiting] = None

        def give_up() -> None:
            if waiting.timer is not None:
                waiting.timer.cancel()
            self._expecting.pop(waiting, None)

        return give_up

    def kept(self) -> List[Dict[str, Any]]:
        """All that is kept, for the dirty arbiter."""
        return [{"stream": stream.id, "slot": stream.slot} for stream in self._streams.values()]

    def grew(self, stream: ResumableStream, count: int) -> None:
        """A stream takes so many bytes more than before, or fewer."""
        if stream.slot not in self._streams:
            return
        self._bytes += count
        if count > 0:
            self._shrink(stream)

    def ended(self, stream: ResumableStream) -> None:
        """A stream's end is there."""
        if stream.slot in self._streams:
            self._expiries[stream] = asyncio.get_running_loop().call_later(RETENTION_S, stream.drop)
            self.changed()

    def dropped(self, stream: ResumableStream, gone: bool) -> None:
        """Nobody can read a stream any more; `gone` when its worker gave it up before its time."""
        expiry = self._expiries.pop(stream, None)
        if expiry is not None:
            expiry.cancel()
        if self._streams.pop(stream.slot, None) is None:
            return
        self._bytes -= stream.bytes
        self._past[stream.slot] = None
        if len(self._past) > _MAX_REMEMBERED:
            self._past.popitem(last=False)
        kept: Dict[str, Any] = {"stream": stream.id, "slot": stream.slot}
        self._forgotten({**kept, "gone": True} if gone else kept)
        self.changed()

    def close(self) -> None:
        """Drops everything: the worker stops."""
        for waiting in list(self._expecting):
            self._settle(waiting, None)
        for stream in list(self._streams.values()):
            stream.drop(True)

    def _settle(self, waiting: _Expecting, stream: Optional[ResumableStream]) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
        if waiting in self._expecting:
            del self._expecting[waiting]
            waiting.settle(stream)

    def _shrink(self, growing: ResumableStream) -> None:
        """Makes room: streams that ended go, the oldest first; then what grows gives up its own beginning."""
        for ended in list(self._expiries):
            if self._bytes <= self._total_bytes:
                return
            ended.drop()
        if self._bytes > self._total_bytes:
            growing.shrink(self._bytes - self._total_bytes)
