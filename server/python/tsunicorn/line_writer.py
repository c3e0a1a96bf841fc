"""Lines into a pipe, a terminal or a file, without ever waiting for it."""

from __future__ import annotations

import collections
import errno
import io
import os
import select
import socket
import stat
import threading
import time
from typing import Callable, Deque, Optional, Tuple

#: Bytes of lines that wait for room at most. What comes on top of that is dropped.
_MOST_WAITING = 1024 * 1024
#: Seconds that a process which ends spends at most on lines that wait.
_LAST_S = 0.5
_AGAIN = (errno.EAGAIN, errno.EWOULDBLOCK)
#: Bytes that the kernel writes as a whole or not at all: into a pipe (PIPE_BUF of pipe(7)), into a unix socket. More than
#: 36,544 bytes Linux 6.18 cuts where a socket is nearly full.
_WHOLE_IN_PIPE = 4096
_WHOLE_IN_SOCKET = 32768


def open_standard(fd: int) -> int:
    """
    A file descriptor of a standard stream that does not block. The inherited one is shared with other processes, down
    to whether it blocks: opened again, it is this process's own.
    """
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        # A socket (journald's), or another user's pipe: then the shared one has to be it.
        return fd


class LineWriter:
    """
    What there is no room for waits here, up to a bound; what is beyond that, and what a full disk refuses, is dropped and
    counted, and the count is written once there is room. A line that has been begun is always ended before the next one.
    Every thread may write.
    """

    def __init__(
        self, fd: int, dropped: Callable[[int], bytes], failed: Callable[[OSError], None] = lambda _: None
    ) -> None:
        """`dropped` makes the line that says how many are missing; `failed` is told once why lines cannot be written."""
        self._aim(fd)
        self._describe = dropped
        self._failed = failed
        self._lock = threading.RLock()
        #: Lines, and how many are lost with each: 1, or as many as it tells of.
        self._waiting: "Deque[Tuple[bytes, int]]" = collections.deque()
        self._bytes = 0
        self._begun = 0
        self._dropped = 0
        self._failing = False
        self._drainer: Optional[threading.Thread] = None
        os.register_at_fork(before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._forked)

    def write(self, line: bytes) -> None:
        """Writes a line, which ends with its newline."""
        with self._lock:
            if self._waiting and self._bytes + len(line) > _MOST_WAITING:
                self._dropped += 1
                return
            idle = not self._waiting or self._failing
            self._tell_dropped()
            self._push(line, 1)
            if idle and not self._drain() and not self._failing:
                self._start_drainer()

    def switch_to(self, fd: int) -> int:
        """Writes into another file from now on, also what waits. Returns the one until now."""
        with self._lock:
            before = self._fd
            self._aim(fd)
            # A line that was begun there is written here as a whole.
            self._begun = 0
            self._drain()
            return before

    @property
    def longest(self) -> Optional[int]:
        """
        Bytes that a line may have so that those of other processes are never in its middle: what the kernel takes as a
        whole. None where it takes any.
        """
        return self._longest

    def _aim(self, fd: int) -> None:
        self._fd = fd
        mode = os.fstat(fd).st_mode
        self._longest = _WHOLE_IN_PIPE if stat.S_ISFIFO(mode) else _WHOLE_IN_SOCKET if stat.S_ISSOCK(mode) else None
        # A descriptor of its own for each, which is never closed: it is one of the standard streams'.
        self._socket = socket.socket(fileno=os.dup(fd)) if stat.S_ISSOCK(mode) else None

    def end(self) -> None:
        """Spends a bounded time on what waits; for a process that ends."""
        until = time.monotonic() + _LAST_S
        with self._lock:
            self._tell_dropped()
            while not self._drain() and not self._failing and time.monotonic() < until:
                time.sleep(0.002)

    def _push(self, line: bytes, lines: int) -> None:
        self._waiting.append((line, lines))
        self._bytes += len(line)

    def _tell_dropped(self) -> None:
        if self._dropped:
            lines, self._dropped = self._dropped, 0
            self._push(self._describe(lines), lines)

    def _drain(self) -> bool:
        while self._waiting:
            line, _ = self._waiting[0]
            try:
                self._begun += self._put(line[self._begun :])
            except OSError as error:
                if error.errno not in _AGAIN:
                    self._fail(error)
                return False
            if self._begun < len(line):
                continue
            self._waiting.popleft()
            self._bytes -= len(line)
            self._begun = 0
            if not self._waiting:
                self._tell_dropped()
        self._failing = False
        return True

    def _put(self, data: bytes) -> int:
        if self._socket is not None:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        # The one that is shared may block again at any time: a process that Node starts with it makes it.
        if self._fd <= 2:
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            if not poll.poll(0):
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            data = data[:_WHOLE_IN_PIPE]
        return os.write(self._fd, data)

    def _fail(self, error: OSError) -> None:
        # What was begun stays: its rest comes before anything else, or it would spoil the line behind it.
        kept = [self._waiting.popleft()] if self._begun > 0 else []
        self._dropped += sum(lines for _, lines in self._waiting)
        self._waiting = collections.deque(kept)
        self._bytes = sum(len(line) for line, _ in kept)
        if not self._failing:
            self._failing = True
            self._failed(error)

    def _start_drainer(self) -> None:
        if self._drainer is None:
            self._drainer = threading.Thread(target=self._work, name="log", daemon=True)
            self._drainer.start()

    def _work(self) -> None:
        pause = 0.002
        while True:
            time.sleep(pause)
            pause = min(0.1, pause * 2)
            with self._lock:
                before = self._bytes - self._begun
                if self._drain() or self._failing:
                    self._drainer = None
                    return
                if self._bytes - self._begun < before:
                    pause = 0.002

    def _forked(self) -> None:
        # What waits is its parent's to write.
        self._waiting.clear()
        self._bytes = self._begun = self._dropped = 0
        self._drainer = None
        self._lock.release()


class UnblockedStream(io.RawIOBase):
    """What an app prints, by way of a writer that never waits."""

    def __init__(self, writer: LineWriter, fd: int) -> None:
        super().__init__()
        self._writer = writer
        self._fd = fd

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def write(self, data: "bytes") -> int:  # type: ignore[override]
        self._writer.write(bytes(data))
        return len(data)
