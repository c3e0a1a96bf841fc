"""What a process that an app forks, as `multiprocessing` does, must not take over from this one."""

from __future__ import annotations

import os
import signal
import threading
from typing import Protocol, Set

_withheld: Set[int] = set()
_before = threading.local()


class HasFile(Protocol):
    """A socket, or what asyncio shows of one."""

    def fileno(self) -> int: ...


def withhold(socket: HasFile) -> int:
    """Keeps a socket from forked processes: open there, its peer would not see that this process has ended."""
    fd = socket.fileno()
    _withheld.add(fd)
    return fd


def release(fd: int) -> None:
    """The socket is closed, and its number may become another file's."""
    _withheld.discard(fd)


def install() -> None:
    """Applies to every fork from now on."""
    os.register_at_fork(before=_forking, after_in_parent=_unblock, after_in_child=_forked)


def _forking() -> None:
    # It waits until the new process has a handler of its own: before, it would be lost.
    _before.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _before.mask)


def _forked() -> None:
    # Not closed: the number could become a file of the app's, which the objects that stand for the socket would close.
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in _withheld:
        os.dup2(nothing, fd, inheritable=False)
    os.close(nothing)
    # With this process's handler Process.terminate() would have no effect on the other.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _unblock()
