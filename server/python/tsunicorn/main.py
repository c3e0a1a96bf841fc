"""
A dirty worker for an app in Python: imports the app, is told that it runs it, loads it, and serves it until the arbiter
stops it or is gone. The main thread speaks the wire; the app's code runs in threads, or in an asyncio loop, of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import faulthandler
import gc
import io
import math
import os
import random
import signal
import sys
import time
from typing import Any, Coroutine, Dict, List, Optional, Set, Tuple

from . import forks, stand_in, stash_client
from . import log as logs
from .app_host import AppHost
from .channel import Channel
from .descriptor_watch import DescriptorWatch
from .dirty_worker import DirtyWorker
from .log import log
from .stash_link import StashLink

#: How long an app's thread that computes may keep the others waiting. Python's own 5 ms are felt in every token.
_SWITCH_S = 0.001
#: Seconds that the end of Python gets at least, and where nothing else bounds it.
_LAST_S = 2.0
_LONGEST_S = 3600.0


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
        self._over: "asyncio.Future[int]" = self._loop.create_future()
        #: Until when the process must have ended, on the loop's clock.
        self._until = math.inf
        self._descriptors = DescriptorWatch(self._loop)
        self._loop.set_exception_handler(self._trouble)

    async def serve(self) -> Tuple[int, float]:
        """Serves until the process is to end: with which code, and within how many seconds."""
        self._channel = await Channel.open(self._handle, self._parent_gone)
        code = await self._over
        return code, max(_LAST_S, min(self._until - self._loop.time(), _LONGEST_S))

    def _leave(self, code: int) -> None:
        if not self._over.done():
            self._over.set_result(code)

    def _trouble(self, _: asyncio.AbstractEventLoop, context: Dict[str, Any]) -> None:
        """What asyncio could tell nobody else."""
        if not self._descriptors.explains(context):
            log.error("%s", context.get("message"), exc_info=context.get("exception"))

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
        self._until = self._loop.time() + _LAST_S
        self._loop.call_later(0.05, self._leave, 3)

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
            self._leave(0)
        self._go(self._leave_last())

    async def _leave_last(self) -> None:
        # HTTP workers drain first, and need this one until then.
        if self._worker is not None:
            await self._worker.unused(self._boot["settings"]["dirtyGracefulTimeout"])
        await self._stop(True)

    async def _stop(self, graceful: bool, linger: bool = False) -> None:
        worker = self._worker
        settings = self._boot.get("settings", {})
        if worker is not None and not linger:
            worker.end_lingering()
        if worker is not None and not graceful:
            worker.end_drain()
        if self._stopping:
            return
        self._stopping = True
        self._until = self._loop.time() + settings.get("dirtyGracefulTimeout", 0) + settings.get("dirtyAbortGrace", 0)
        if worker is not None:
            if graceful:
                await worker.drain(settings["dirtyGracefulTimeout"], linger)
            await worker.close(settings["dirtyAbortGrace"], self._closing)
        await self._end_app()
        self._leave(0)

    async def _end_app(self) -> None:
        """Ends what the app has left running, as Python does at the end of a program: tasks, then processes."""
        ended = None if self._host is None else self._host.loop.end()
        if ended is not None:
            self._tell({"type": "ending", "step": "the end of the app's asyncio tasks"})
            await asyncio.wait([asyncio.wrap_future(ended)], timeout=max(0.0, self._until - self._loop.time()))
        processes = sys.modules.get("multiprocessing")
        if processes is not None:
            # Python would wait for those that are no daemons, and they never hear of the end.
            for child in processes.active_children():
                child.terminate()
        self._tell({"type": "ending", "step": "the end of Python (atexit, threads that are not daemons)"})

    def _closing(self, app: str) -> None:
        """Says that `close()` is called: should it hang, whoever kills this process can tell why."""
        step = f"close() of the dirty app {app}"
        if not self._orphan:
            self._tell({"type": "ending", "step": step})
            return
        settings = self._boot["settings"]
        seconds = max(settings["gracefulTimeout"], settings["dirtyGracefulTimeout"])
        log.warning("%s is called; %s s after the arbiter's end this process is killed", step, seconds)


def flush_files() -> None:
    """
    Writes what files have in their buffers, also those that a thread still holds: at the end of Python such a thread never
    lets go of them.
    """
    for thing in gc.get_objects():
        if issubclass(type(thing), (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
            try:
                thing.flush()
            except Exception:  # It is closed, or its disk is full: the others are flushed all the same.
                pass
    logs.flush_all()


def main() -> None:
    """The process's entry, called by worker.py."""
    # The arbiter says when to stop: a signal to the whole process group must not end the dirty side while HTTP workers
    # still drain. A handler and not SIG_IGN, which the programs that an app starts would inherit.
    for name in ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"):
        signal.signal(getattr(signal, name), lambda *_: None)
    forks.install()
    logs.unblock_printing()
    # Registered first, it is called last.
    atexit.register(flush_files)
    # A crash in compiled code says in which Python code.
    faulthandler.enable()
    sys.setswitchinterval(_SWITCH_S)
    stand_in.install()

    async def serve() -> Tuple[int, float]:
        return await Process().serve()

    code, seconds = asyncio.run(serve())
    # From here on Python ends as any program of it: what is registered with atexit runs, files are written. Whatever
    # hangs meanwhile is no reason to stay. No handler of Python's would run in time.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    sys.exit(code)
