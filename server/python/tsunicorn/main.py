"""
A dirty worker for an app in Python: imports the app, is told that it runs it, loads it, and serves it until the arbiter
stops it or is gone. The main thread speaks the wire; the app's code runs in threads, or in an asyncio loop, of its own.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import random
import signal
import sys
import time
from typing import Any, Coroutine, Dict, List, Optional, Set

from . import forks, stand_in, stash_client
from . import log as logs
from .app_host import AppHost
from .channel import Channel
from .dirty_worker import DirtyWorker
from .log import log
from .stash_link import StashLink

#: How long an app's thread that computes may keep the others waiting. Python's own 5 ms are felt in every token.
_SWITCH_S = 0.001


class Process:
    """This process, as the arbiter drives it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._channel: Optional[Channel] = None
        self._boot: Dict[str, Any] = {}
        self._lines: Optional[logs.Lines] = None
        self._host: Optional[AppHost] = None
        self._worker: Optional[DirtyWorker] = None
        self._stopping = False
        self._orphan = False
        self._left = 0
        self._measured = (time.monotonic(), time.thread_time())
        self._tasks: "Set[asyncio.Task[None]]" = set()

    async def serve(self) -> None:
        """Runs for as long as the process does."""
        self._channel = await Channel.open(self._handle, self._parent_gone)
        await self._loop.create_future()

    def _tell(self, message: Dict[str, Any]) -> None:
        if self._channel is not None:
            self._channel.tell(message)

    def _handle(self, message: Dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "boot":
            self._go(self._load(message["boot"]))
        elif kind == "assign":
            os.environ.update(message["env"])
            self._go(self._start(message["apps"]))
        elif kind == "retire" and self._worker is not None:
            self._worker.retire(message["keep"])
        elif kind == "reopenLogs" and self._lines is not None:
            self._lines.reopen()
        elif kind == "report":
            self._tell({"type": "report", "id": message["id"], "report": self._report()})
        elif kind == "stop":
            self._go(self._stop(message["graceful"], message.get("linger") is True))

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        reason = " ".join(str(error).split()) or type(error).__name__
        log.error("%s", reason, exc_info=error)
        self._tell({"type": "bootFailed", "reason": reason})
        # Lets the message leave first; the arbiter reads it before it sees the end.
        self._loop.call_later(0.05, leave, 3)

    async def _load(self, boot: Dict[str, Any]) -> None:
        self._boot = boot
        settings = boot["settings"]
        self._lines = logs.set_up(settings["logLevel"], settings["logFormat"], settings.get("logFile"))
        limit = settings["dirtyMaxRequests"]
        self._left = 0 if limit == 0 else limit + random.randint(0, settings["dirtyMaxRequestsJitter"])
        link = StashLink(boot["dirtySocket"], {"token": boot["token"], "id": boot["id"], "pid": os.getpid()})
        stash_client.connect(link.ask)
        self._host = host = AppHost(boot["ownApp"])
        await asyncio.wrap_future(host.load())
        host.stashes()
        self._tell({"type": "loaded", "apps": [host.statics()]})

    async def _start(self, apps: List[str]) -> None:
        host, boot = self._host, self._boot
        assert host is not None
        # Where its resources are not free it stands by without its app.
        serves = host.name in apps
        if serves:
            declared = host.stashes()
            await asyncio.wrap_future(host.threads.ask(lambda: stash_client.make_tables(declared)))
            await asyncio.wrap_future(host.start())
        self._worker = DirtyWorker(
            host,
            os.path.join(boot["folder"], f"w{boot['id']}.sock"),
            boot["dirtySocket"],
            {"token": boot["token"], "role": "dirty-worker", "id": boot["id"], "pid": os.getpid()},
            self._served,
            boot["settings"]["streamGrace"],
        )
        if not serves:
            self._worker.retire([])
        await self._worker.open()
        self._tell({"type": "ready"})

    def _served(self) -> None:
        # Counted down from 0 it never comes to 0 again: that is no limit.
        self._left -= 1
        if self._left == 0:
            self._tell({"type": "wornOut"})

    def _report(self) -> Optional[Dict[str, Any]]:
        if self._worker is None:
            return None
        then, used = self._measured
        self._measured = now, busy = time.monotonic(), time.thread_time()
        with open("/proc/self/statm", encoding="ascii") as statm:
            pages = int(statm.read().split()[1])
        return {
            "runs": self._worker.begun,
            "running": self._worker.running,
            "rss": pages * os.sysconf("SC_PAGE_SIZE"),
            "loop": min(1.0, (busy - used) / max(now - then, 1e-9)),
        }

    def _parent_gone(self) -> None:
        self._orphan = True
        if self._worker is None:
            leave(0)
        self._go(self._leave_last())

    async def _leave_last(self) -> None:
        # HTTP workers drain first, and need this one until then.
        if self._worker is not None:
            await self._worker.unused(self._boot["settings"]["dirtyGracefulTimeout"])
        await self._stop(True)

    async def _stop(self, graceful: bool, linger: bool = False) -> None:
        worker = self._worker
        if worker is not None and not linger:
            worker.end_lingering()
        if worker is not None and not graceful:
            worker.end_drain()
        if self._stopping:
            return
        self._stopping = True
        if worker is not None:
            settings = self._boot["settings"]
            if graceful:
                await worker.drain(settings["dirtyGracefulTimeout"], linger)
            await worker.close(settings["dirtyAbortGrace"], self._closing)
        leave(0)

    def _closing(self, app: str) -> None:
        """Says that `close()` is called: should it hang, whoever kills this process can tell why."""
        step = f"close() of the dirty app {app}"
        if not self._orphan:
            self._tell({"type": "ending", "step": step})
            return
        settings = self._boot["settings"]
        seconds = max(settings["gracefulTimeout"], settings["dirtyGracefulTimeout"])
        log.warning("%s is called; %s s after the arbiter's end this process is killed", step, seconds)


def leave(code: int) -> None:
    """Ends the process. Threads in which the app's code hangs are no reason to stay."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(code)


def main() -> None:
    """The process's entry, called by worker.py."""
    # The arbiter says when to stop: a signal to the whole process group must not end the dirty side while HTTP workers
    # still drain. A handler and not SIG_IGN, which the programs that an app starts would inherit.
    for name in ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"):
        signal.signal(getattr(signal, name), lambda *_: None)
    forks.install()
    # A crash in compiled code says in which Python code.
    faulthandler.enable()
    sys.setswitchinterval(_SWITCH_S)
    stand_in.install()

    async def serve() -> None:
        await Process().serve()

    asyncio.run(serve())
