"""The chunks of a resumable stream as they cross the wire, for readers that come later or are slow."""

from __future__ import annotations

from typing import List, Optional

#: Bytes that Python takes for a bytes object besides its content, and for its place in a list.
_OVERHEAD = 41


class ReplayBuffer:
    """Chunks are counted from 0. Memory is given back from the oldest on."""

    def __init__(self) -> None:
        #: Bytes of memory that it takes.
        self.bytes = 0
        #: Number of the oldest chunk that is kept.
        self.first = 0
        self._chunks: List[bytes] = []
        #: How many at the beginning of the list are given up already.
        self._gone = 0

    @property
    def end(self) -> int:
        """How many chunks the stream has had."""
        return self.first + len(self._chunks) - self._gone

    def append(self, payload: bytes) -> None:
        """Adds the next chunk."""
        self._chunks.append(payload)
        self.bytes += len(payload) + _OVERHEAD

    def at(self, index: int) -> Optional[bytes]:
        """A chunk by its number; None when it is not kept, or not there yet."""
        if index < self.first or index >= self.end:
            return None
        return self._chunks[self._gone + index - self.first]

    def trim(self, limit: int) -> None:
        """Gives up the oldest chunks until it takes at most so many bytes."""
        while self.bytes > limit and self._gone < len(self._chunks):
            self.bytes -= len(self._chunks[self._gone]) + _OVERHEAD
            self._chunks[self._gone] = b""
            self._gone += 1
            self.first += 1
        # Seldom, since it moves all that is left.
        if self._gone * 2 > len(self._chunks):
            del self._chunks[: self._gone]
            self._gone = 0
