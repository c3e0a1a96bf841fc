"""A resumable run's output: it keeps the chunks, and passes them on to as many readers as there are, also none."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Callable, Dict, List, Optional, Protocol, Tuple

from . import frames, tlv
from .connection import Connection
from .errors import DirtyCancelledError, DirtyError, DirtyQueueFullError, DirtyStreamGoneError, to_wire
from .replay_buffer import ReplayBuffer
from .run import WINDOW, Run

#: What a stream takes besides its chunks and its arguments.
_OVERHEAD = 2048
# The HTTP worker that had all of it may lose its client before that had it: so long for the client to come back.
_DELIVERED_S = 2.0
# Every reader costs each chunk a copy, and whoever knows the id can come as often as it likes.
_MAX_READERS = 64
# What came before a reader's place crosses outside its window, so this bounds how much of that waits in memory.
_MAX_PREFIX_BACKLOG = 16 * 1024 * 1024

Done = Callable[[], None]


class Keeper(Protocol):
    """What a stream needs of the store that keeps it."""

    stream_bytes: int
    grace: float

    def grew(self, stream: "ResumableStream", count: int) -> None: ...

    def ended(self, stream: "ResumableStream") -> None: ...

    def dropped(self, stream: "ResumableStream", gone: bool) -> None: ...

    def changed(self) -> None: ...


class StreamReader:
    """One client's reading of a stream: how far it is, and how much it takes."""

    def __init__(self, stream: "ResumableStream", connection: Connection, request_id: int, after: int, done: Done) -> None:
        self.connection = connection
        self.id = request_id
        #: Called when the client's id means nothing any more.
        self.done = done
        self._stream = stream
        self._next = after
        self._credit = WINDOW

    @property
    def open(self) -> bool:
        """Whether it takes more right now: then it has all that is there."""
        return self._credit > 0

    def pump(self, buffer: ReplayBuffer) -> bool:
        """
        Sends what is there, as far as the client takes it, in one write. Returns whether it has all that is there.
        :raises DirtyStreamGoneError: when its next chunk is not kept any more.
        """
        parts: List[bytes] = []
        try:
            while self._credit > 0 and self._next < buffer.end:
                payload = buffer.at(self._next)
                if payload is None:
                    raise DirtyStreamGoneError(
                        "The next chunks of the stream are not kept any more: it went on without this reader."
                    )
                parts.append(frames.encoded(frames.CHUNK, self.id, payload))
                self._credit -= len(parts[-1])
                self._next += 1
        finally:
            if parts:
                self.connection.write(b"".join(parts))
        return self._next >= buffer.end

    def abort(self) -> None:
        """Its client does not want it any more."""
        self._stream.left(self)

    def grant(self, count: int) -> None:
        """Its client takes so many bytes more."""
        self._credit = min(WINDOW, self._credit + count)
        if self._credit > 0:
            self._stream.ready(self)


class ResumableStream:
    """All of it runs in the main thread."""

    def __init__(self, keeper: Keeper, message: Dict[str, Any], continues: bool) -> None:
        """`continues` says whether another worker can go on with the run."""
        self.id: str = message["stream"]
        self.slot: int = message["slot"]
        #: Bytes of memory that it takes.
        self.bytes = 0
        self._keeper = keeper
        self._loop = asyncio.get_running_loop()
        #: What a reader is told of the run.
        self._about = {"app": message["app"], "action": message["action"], "args": [], "request_id": message["request_id"]}
        #: What it needs to have the run continued elsewhere; None: nobody can go on with it.
        self._called: Optional[Dict[str, Any]] = None
        self._base = _OVERHEAD
        if continues:
            self._called = {name: message[name] for name in ("args", "kwargs") if name in message}
            self._base += len(tlv.encode(self._called))
        self._buffer = ReplayBuffer()
        self._readers: Dict[StreamReader, None] = {}
        self._run: Optional[Run] = None
        self._grace: Optional[asyncio.TimerHandle] = None
        #: Bytes that the run has made and was given no credit for again.
        self._owed = 0
        self._ending: Optional[Tuple[int, bytes]] = None
        self._over = False
        #: Some reader has had all of it, with its end.
        self._delivered = False
        #: It has ended, and nobody came for that in time.
        self._unwanted = False
        for value in message.get("emitted", []):
            self._buffer.append(frames.chunk_payload(value))
        self._settle_bytes()

    def begin(self, run: Run) -> None:
        """Says which run fills it. Without a reader, its grace begins."""
        self._run = run
        self._count_readers()

    @property
    def wanted(self) -> bool:
        """Whether a worker that drains waits for it: somebody reads it, or may be on the way back to its end."""
        return bool(self._readers) or (self._ending is not None and not self._unwanted)

    def open(self, connection: Connection, request_id: int, done: Done) -> StreamReader:
        """The client of the RUN reads from behind what was emitted before."""
        return self._admit(connection, request_id, self._buffer.end, done)

    def attach(
        self, connection: Connection, request_id: int, after: int, prefix: bool, done: Done
    ) -> Optional[StreamReader]:
        """A reader comes. None when it has been answered already: its chunks are not kept, or the stream is over."""
        if after < self._buffer.first:
            _refuse(connection, request_id, DirtyStreamGoneError("The chunks that were asked for are not kept any more."))
            return None
        if len(self._readers) >= _MAX_READERS:
            _refuse(connection, request_id, DirtyQueueFullError("The stream has too many readers.", {"retry_after": 1}))
            return None
        reader = self._admit(connection, request_id, self._introduce(connection, request_id, after, prefix), done)
        self._pump(reader)
        return reader if reader in self._readers else None

    def cancel(self) -> None:
        """Ends it by its name."""
        error = DirtyCancelledError("The stream was cancelled.")
        readers, run = list(self._readers), self._run
        self.drop()
        for reader in readers:
            _refuse(reader.connection, reader.id, error)
            reader.done()
        if run is not None:
            run.abort()

    def drop(self, gone: bool = False) -> None:
        """Gives it up. `gone`: that is the worker's doing, and who asks for it is told so."""
        if self._over:
            return
        self._over = True
        self._end_grace()
        self._readers.clear()
        self._keeper.dropped(self, gone)

    def shrink(self, count: int) -> None:
        """Gives up its oldest chunks until it takes so many bytes less, or has none."""
        self._buffer.trim(max(0, self._buffer.bytes - count))
        self._settle_bytes()

    def settled(self) -> None:
        """
        Its run's code has ended. Where the run was aborted there is no end to give: its readers ask for it again, and
        have it continued where that is possible.
        """
        self._run = None
        if self._ending is not None or self._over:
            return
        readers = list(self._readers)
        self.drop(True)
        for reader in readers:
            reader.connection.send(frames.NACK, reader.id)
            reader.done()

    def tell(self, kind: int, payload: bytes) -> None:
        """What the run says besides its chunks: that it began, or its end."""
        if kind == frames.STARTED:
            for reader in self._readers:
                reader.connection.write(frames.encoded(kind, reader.id, payload))
        elif len(payload) > self._keeper.stream_bytes:
            # The result of a plain action: those who wait get it, and nobody later.
            for reader in list(self._readers):
                reader.connection.write(frames.encoded(kind, reader.id, payload))
                self._delivered = True
                self.left(reader)
            error = DirtyStreamGoneError("The result is too large to be kept.")
            self._end(frames.ERROR, frames.payload_of({"error": to_wire(error)}))
        else:
            self._end(kind, payload)

    def keep(self, payload: bytes) -> None:
        """Takes a chunk; `flow` passes on what was taken."""
        if not self._over:
            self._buffer.append(payload)
            self._owed += len(payload) + frames.HEADER_SIZE

    def flow(self) -> None:
        """Passes on what was taken, and lets the run make more where somebody takes it, or nobody reads."""
        if self._over:
            return
        for reader in list(self._readers):
            self._pump(reader)
        self._buffer.trim(self._keeper.stream_bytes)
        self._settle_bytes()
        if not self._readers or any(reader.open for reader in self._readers):
            self._proceed()

    def ready(self, reader: StreamReader) -> None:
        """A reader has credit again."""
        self._pump(reader)
        if reader.open:
            self._proceed()

    def left(self, reader: StreamReader) -> None:
        """A reader is gone, or has all of it."""
        counted = reader in self._readers
        self._readers.pop(reader, None)
        # One that still read when the stream was dropped is let go of too.
        reader.done()
        if counted:
            self._count_readers()

    def _settle_bytes(self) -> None:
        before = self.bytes
        self.bytes = self._base + self._buffer.bytes
        if self.bytes != before:
            self._keeper.grew(self, self.bytes - before)

    def _admit(self, connection: Connection, request_id: int, after: int, done: Done) -> StreamReader:
        reader = StreamReader(self, connection, request_id, after, done)
        self._readers[reader] = None
        self._count_readers()
        return reader

    def _introduce(self, connection: Connection, request_id: int, after: int, prefix: bool) -> int:
        """Returns the number of the chunk that the reader gets first."""
        attached: Dict[str, Any] = {**self._about, "continues": False}
        if self._run is not None:
            attached["ms_left"] = max(0.0, self._run.deadline - time.monotonic() * 1000)
        if self._called is not None and not (prefix and connection.backlog >= _MAX_PREFIX_BACKLOG):
            try:
                whole = {**attached, **self._called, "continues": True}
                # A reader that is ahead can only continue the run with all that came before its place.
                first = min(after, self._buffer.end) if prefix else after
                if prefix:
                    whole["emitted"] = self._prefix(first)
                connection.send(frames.ATTACHED, request_id, whole)
                return first
            except DirtyError:
                # Its beginning is not kept, or does not fit into a message: it can be read, and not continued elsewhere.
                pass
        connection.send(frames.ATTACHED, request_id, attached)
        return after

    def _prefix(self, count: int) -> List[Any]:
        payloads = [self._buffer.at(index) for index in range(count)]
        if None in payloads:
            raise DirtyStreamGoneError("The beginning of the stream is not kept.")
        return [frames.payload_dict(payload)["data"] for payload in payloads if payload is not None]

    def _pump(self, reader: StreamReader) -> None:
        try:
            if not reader.pump(self._buffer) or self._ending is None:
                return
            self._delivered = True
            kind, payload = self._ending
            reader.connection.write(frames.encoded(kind, reader.id, payload))
        except DirtyStreamGoneError as error:
            _refuse(reader.connection, reader.id, error)
        self.left(reader)

    def _end(self, kind: int, payload: bytes) -> None:
        if self._ending is not None or self._over:
            return
        self._ending = (kind, payload)
        for reader in list(self._readers):
            self._pump(reader)
        self._count_readers()
        self._keeper.ended(self)

    def _count_readers(self) -> None:
        self._end_grace()
        if not self._readers and not self._unwanted and not self._over:
            grace = self._keeper.grace
            self._grace = self._loop.call_later(min(grace, _DELIVERED_S) if self._delivered else grace, self._expire)
        # Without a reader the run goes on, and one that has just come has not been given a window's worth.
        self._proceed()
        self._keeper.changed()

    def _end_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _expire(self) -> None:
        if self._ending is not None:
            self._unwanted = True
            self._keeper.changed()
            return
        run = self._run
        self.drop()
        if run is not None:
            run.abort()

    def _proceed(self) -> None:
        owed, self._owed = self._owed, 0
        if owed > 0 and self._run is not None:
            self._run.grant(owed)


def _refuse(connection: Connection, request_id: int, error: DirtyError) -> None:
    connection.send(frames.ERROR, request_id, {"error": to_wire(error)})
