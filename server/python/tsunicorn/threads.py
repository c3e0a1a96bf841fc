"""The threads and the asyncio loop that an app's code runs in, apart from the main thread, which speaks the wire."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from concurrent.futures import Future
from typing import Any, Awaitable, Callable, Optional

from .log import log


class AppThreads:
    """
    Threads for an app's blocking code, as many as it has places. The first one also runs what loads and closes the app,
    so an app with one place has everything in one thread.
    """

    def __init__(self) -> None:
        self.most = 1
        self._pid = os.getpid()
        self._jobs: "queue.SimpleQueue[Callable[[], None]]" = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._busy = 0

    def submit(self, job: Callable[[], None]) -> None:
        """Runs a job in a thread that is free, or as soon as one is. The job must not raise."""
        with self._lock:
            self._busy += 1
            if self._busy > self._threads and self._threads < self.most:
                self._threads += 1
                # Daemons: code that hangs must not keep the process from its end.
                threading.Thread(target=self._work, name=f"app-{self._threads}", daemon=True).start()
        self._jobs.put(job)

    def ask(self, call: Callable[[], Any]) -> "Future[Any]":
        """Runs a call in a thread, and gives what it returns or raises."""
        future: "Future[Any]" = Future()

        def job() -> None:
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.submit(job)
        return future

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                job()
            finally:
                self._end_fork()
                with self._lock:
                    self._busy -= 1
            # Or the thread would keep what its last job held until the next one comes.
            del job


    def _end_fork(self) -> None:
        # A process that the app forked in this thread, and that came back from there. Nothing waits for it here.
        if os.getpid() == self._pid:
            return
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(0)


class AppLoop:
    """An asyncio loop in a thread of its own, for an app's async code. It starts with its first use."""

    def __init__(self) -> None:
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._lock = threading.Lock()
        self._turn_began = 0.0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop. It runs for as long as the process does."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._run, args=(self._loop,), name="app-loop", daemon=True).start()
            return self._loop

    def call(self, callback: Callable[..., Any], *args: Any) -> None:
        """Calls back in the loop's thread."""
        self.loop.call_soon_threadsafe(callback, *args)

    def ask(self, awaitable: Awaitable[Any]) -> "Future[Any]":
        """Awaits something in the loop, and gives what comes of it."""

        async def wait() -> Any:
            try:
                return await awaitable
            except (SystemExit, KeyboardInterrupt) as error:
                # Let through, it would end the loop before anybody hears of it.
                raise RuntimeError(f"{type(error).__name__}({error}) was raised in async code.") from error

        return asyncio.run_coroutine_threadsafe(wait(), self.loop)

    def end(self) -> "Optional[Future[None]]":
        """Cancels the app's tasks and waits until they have ended. None where the app never used the loop."""
        with self._lock:
            loop = self._loop
        return None if loop is None else asyncio.run_coroutine_threadsafe(self._end_tasks(loop), loop)

    @staticmethod
    async def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(error, Exception):
                log.error("a task of the app failed as it was cancelled", exc_info=error)
        await loop.shutdown_asyncgens()

    async def breathe(self) -> None:
        """
        Lets the loop's other tasks run when this turn of it has lasted a millisecond: a generator that never waits
        would hold it for ever. Asked once a token.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._turn_began == 0.0:
            self._turn_began = now
            loop.call_soon(self._next_turn)
        elif now - self._turn_began > 0.001:
            await asyncio.sleep(0)

    def _next_turn(self) -> None:
        self._turn_began = 0.0

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
