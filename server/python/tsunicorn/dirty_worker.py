"""The dirty worker itself: takes runs from clients, keeps the rules of slots, and reports to the dirty arbiter."""

from __future__ import annotations

import asyncio
import collections
import hmac
import os
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from . import forks, frames
from .app_host import AppHost
from .client_session import ClientSession
from .errors import DirtyProtocolError, DirtyWorkerError
from .log import log
from .outbox import Outbox
from .registration import Registration
from .resumable_stream import ResumableStream
from .run import Caller, Run
from .run_message import checked_run
from .stream_store import StreamStore

# Slots are never reused, so old revocations only have to be remembered until a late RUN can no longer come.
_MAX_REVOKED = 4096
# HTTP workers connect once each; a flood of connections is a fault.
_MAX_CONNECTIONS = 1024
_EPOCH = 2**32


class DirtyWorker:
    """Everything here runs in the main thread."""

    def __init__(
        self,
        host: AppHost,
        socket: str,
        dirty_socket: str,
        hello: Dict[str, Any],
        served: Callable[[], None],
        grace: float = 30.0,
    ) -> None:
        """`grace`: seconds that a resumable run goes on without a reader."""
        self.host = host
        self.streams = StreamStore(grace, self._forget, self._look)
        #: Runs that were begun.
        self.begun = 0
        self._socket = socket
        self._dirty_socket = dirty_socket
        self._hello = hello
        self._served = served
        self._loop = asyncio.get_running_loop()
        self._running: Dict[int, Run] = {}
        self._revoked: "collections.OrderedDict[int, None]" = collections.OrderedDict()
        self._sessions: Set[ClientSession] = set()
        self._registration: Optional[Registration] = None
        self._server: Optional[asyncio.AbstractServer] = None
        self._draining = False
        self._closing = False
        #: While it drains, clients may come back for what has ended.
        self._lingering = False
        self._kept: Optional[List[str]] = None
        self._changed = asyncio.Event()
        self._hurried = False
        self._outbox = Outbox(self._settled)

    @property
    def running(self) -> int:
        """Runs whose code has not ended."""
        return len(self._running)

    async def open(self) -> None:
        """Listens, then registers with the dirty arbiter."""
        self._server = await self._loop.create_unix_server(self._accept, self._socket)
        for listening in self._server.sockets:
            forks.withhold(listening)
        os.chmod(self._socket, 0o600)
        self._registration = Registration(self._dirty_socket, self._hello, self._ready, self._receive)

    def retire(self, keep: List[str]) -> None:
        """Takes new requests for these apps only: its successors serve the others."""
        self._kept = keep
        if self._registration is not None:
            self._registration.announce()

    async def drain(self, seconds: float, linger: bool = False) -> None:
        """
        Takes nothing new; returns when the last run has settled and whoever reads a resumable stream has all of it, or
        after so many seconds. `linger`: clients may come back, so it also waits for them while the grace of a stream that
        nobody has read to its end is not over. Else it only does while a client is connected.
        """
        self._draining = True
        self._lingering = linger
        if self._registration is not None:
            self._registration.announce()
        await self._until(lambda: self._empty() or self._hurried, seconds)

    def end_lingering(self) -> None:
        """No client that is gone comes back: the server stops."""
        self._lingering = False
        self._look()

    def _empty(self) -> bool:
        if self._running:
            return False
        if self._closing or not self.streams.wanted:
            return True
        return not self._lingering and all(session.colleague for session in self._sessions)

    def _look(self) -> None:
        self._changed.set()

    def end_drain(self) -> None:
        """Waits no longer for runs: the server stops at once."""
        self._hurried = True
        self._changed.set()

    async def unused(self, seconds: float) -> None:
        """Returns when the last client has gone but other dirty workers, or after so many seconds."""
        await self._until(lambda: all(session.colleague for session in self._sessions), seconds)

    async def close(self, seconds: float, closing: Callable[[str], None] = lambda _: None) -> None:
        """
        Aborts what still runs, gives it so long to settle, and closes the app and every connection. `closing` is told of the
        app right before its `close()`, which may hang.
        """
        # The callers are sent nothing: from the end of the connection each knows, and has the run continued where that is possible.
        for run in list(self._running.values()):
            run.abort()
        self._hurried = False
        self._closing = True
        await self.drain(seconds)
        self.streams.close()
        closing(self.host.name)
        try:
            await asyncio.wrap_future(self.host.close())
        except BaseException as error:
            log.error("close() of the dirty app %s failed", self.host.name, exc_info=error)
        if self._registration is not None:
            self._registration.close()
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            session.connection.close()
        await self._until(lambda: not self._sessions, 1.0)

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        end = self._loop.time() + seconds
        while not condition():
            left = end - self._loop.time()
            if left <= 0:
                return
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except asyncio.TimeoutError:
                return

    def _ready(self) -> Dict[str, Any]:
        now = self._loop.time() * 1000
        return {
            "socket": self._socket,
            "apps": [self.host.describe()] if self._takes() else [],
            "running": [
                {"slot": run.slot, "app": self.host.name, "ms_left": max(0.0, run.deadline - now)}
                for run in self._running.values()
            ],
            "streams": self.streams.kept(),
        }

    def _takes(self) -> bool:
        return not self._draining and (self._kept is None or self.host.name in self._kept)

    def _receive(self, kind: int, message: Dict[str, Any]) -> None:
        if kind == frames.REVOKE:
            self._take_back(message["slot"], message.get("cancel") is True)
        elif kind == frames.RUN:
            # The dirty arbiter makes it itself: its client died while it waited.
            self._adopt(checked_run(message))

    def _take_back(self, slot: int, cancel: bool) -> None:
        run = self._running.get(slot)
        if run is None:
            self._revoked[slot] = None
            if len(self._revoked) > _MAX_REVOKED:
                self._revoked.popitem(last=False)
            self._free(slot, True)
        elif cancel and self.streams.has(slot):
            run.abort()
        elif cancel:
            run.end(DirtyWorkerError("The dirty arbiter took the run's slot back."))

    def _forget(self, message: Dict[str, Any]) -> None:
        if self._registration is not None:
            self._registration.forget(message)

    def _free(self, slot: int, unused: bool = False) -> None:
        if self._registration is not None:
            self._registration.free(slot, unused)

    def _accept(self) -> asyncio.Protocol:
        session = ClientSession(self)
        self._sessions.add(session)
        if len(self._sessions) > _MAX_CONNECTIONS:
            self._loop.call_soon(session.connection.abort)
        return session.connection

    def gone(self, session: ClientSession) -> None:
        """A client has gone: its runs are cancelled."""
        self._sessions.discard(session)
        for one in list(session.going.values()):
            one.abort()
        self._changed.set()

    def greet(self, hello: Dict[str, Any]) -> bool:
        """
        Lets a peer in when its HELLO carries the arbiter's token. Returns whether it is another dirty worker.
        :raises DirtyProtocolError: otherwise.
        """
        token = hello.get("token")
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), self._hello["token"].encode()):
            raise DirtyProtocolError("HELLO carries the wrong token.")
        self._changed.set()
        return hello.get("role") == "app"

    def run(self, session: ClientSession, request_id: int, message: Dict[str, Any]) -> None:
        """Takes a run, or sends NACK."""
        if not self._admits(message):
            session.connection.send(frames.NACK, request_id)
            return

        def done() -> None:
            session.going.pop(request_id, None)

        if "stream" in message:
            stream, run = self._make(message)
            session.going[request_id] = stream.open(session.connection, request_id, done)
            self._begin(stream, run)
        else:
            run = Run(self.host, Caller(session.connection, request_id, done), message, self._outbox.post)
            session.going[request_id] = run
            self._start(run)

    def _adopt(self, message: Dict[str, Any]) -> None:
        if "stream" not in message:
            raise DirtyProtocolError("A run without a stream has no reader here.")
        if self._admits(message):
            self._begin(*self._make(message))

    def _admits(self, message: Dict[str, Any]) -> bool:
        """Whether a run may begin; otherwise its slot is void, and the client will not use it again."""
        slot, host = message["slot"], self.host
        epoch = self._registration.epoch if self._registration is not None else 0
        if (
            message["app"] == host.name
            and self._takes()
            and host.running < host.concurrency
            and slot not in self._running
            and slot not in self._revoked
            and slot // _EPOCH >= epoch
        ):
            return True
        # So it need not wait to be found unused.
        if slot not in self._running:
            self._free(slot, True)
        return False

    def _make(self, message: Dict[str, Any]) -> Tuple[ResumableStream, Run]:
        stream = self.streams.create(message, message["action"] in self.host.continues())
        return stream, Run(self.host, stream, message, self._outbox.post)

    def _begin(self, stream: ResumableStream, run: Run) -> None:
        stream.begin(run)
        self._start(run)
        self.streams.welcome(stream)

    def _start(self, run: Run) -> None:
        self.host.running += 1
        self.begun += 1
        self._running[run.slot] = run
        if self._registration is not None:
            self._registration.began(run.slot)
        run.start()

    def _settled(self, run: Run) -> None:
        run.finished()
        self.host.running -= 1
        del self._running[run.slot]
        if isinstance(run.output, Caller):
            run.output.done()
        elif isinstance(run.output, ResumableStream):
            run.output.settled()
        self._free(run.slot)
        self._served()
        self._changed.set()
