"""The dirty worker itself: takes runs from clients, keeps the rules of slots, and reports to the dirty arbiter."""

from __future__ import annotations

import asyncio
import collections
import hmac
import os
from typing import Any, Callable, Deque, Dict, List, Optional, Set, Tuple

from . import frames
from .app_host import AppHost
from .connection import Connection
from .errors import DirtyDrainingError, DirtyError, DirtyProtocolError, DirtyWorkerError, to_wire
from .log import log
from .registration import Registration
from .run import SETTLED, Run

# Slots are never reused, so old revocations only have to be remembered until a late RUN can no longer come.
_MAX_REVOKED = 4096
#: Seconds within which whoever connects must have said HELLO.
_HELLO_S = 5.0
# HTTP workers connect once each; a flood of connections is a fault.
_MAX_CONNECTIONS = 1024
_EPOCH = 2**32
_ANSWERS = (frames.END, frames.RESPONSE, frames.ERROR)


class DirtyWorker:
    """Everything here runs in the main thread, but `_post`."""

    def __init__(self, host: AppHost, socket: str, dirty_socket: str, hello: Dict[str, Any], served: Callable[[], None]) -> None:
        self.host = host
        #: Runs that were begun.
        self.begun = 0
        self._socket = socket
        self._dirty_socket = dirty_socket
        self._hello = hello
        self._served = served
        self._loop = asyncio.get_running_loop()
        self._running: Dict[int, Run] = {}
        self._revoked: "collections.OrderedDict[int, None]" = collections.OrderedDict()
        self._sessions: Set[Session] = set()
        self._registration: Optional[Registration] = None
        self._server: Optional[asyncio.AbstractServer] = None
        self._draining = False
        self._kept: Optional[List[str]] = None
        self._changed = asyncio.Event()
        self._hurried = False
        self._outbox: Deque[Tuple[Run, int, bytes]] = collections.deque()
        self._scheduled = False

    @property
    def running(self) -> int:
        """Runs whose code has not ended."""
        return len(self._running)

    async def open(self) -> None:
        """Listens, then registers with the dirty arbiter."""
        self._server = await self._loop.create_unix_server(self._accept, self._socket)
        os.chmod(self._socket, 0o600)
        self._registration = Registration(self._dirty_socket, self._hello, self._ready, self._receive)

    def retire(self, keep: List[str]) -> None:
        """Takes new requests for these apps only: its successors serve the others."""
        self._kept = keep
        if self._registration is not None:
            self._registration.announce()

    async def drain(self, seconds: float) -> None:
        """Takes nothing new; returns when the last run has settled, or after so many seconds."""
        self._draining = True
        if self._registration is not None:
            self._registration.announce()
        await self._until(lambda: not self._running or self._hurried, seconds)

    def end_drain(self) -> None:
        """Waits no longer for runs: the server stops at once."""
        self._hurried = True
        self._changed.set()

    async def unused(self, seconds: float) -> None:
        """Returns when the last client has gone but other dirty workers, or after so many seconds."""
        await self._until(lambda: all(session.colleague for session in self._sessions), seconds)

    async def close(self, seconds: float) -> None:
        """Aborts what still runs, gives it so long to settle, and closes the app and every connection."""
        for run in list(self._running.values()):
            run.end(DirtyDrainingError("The dirty worker is stopping."))
        self._hurried = False
        await self.drain(seconds)
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
            "streams": [],
        }

    def _takes(self) -> bool:
        return not self._draining and (self._kept is None or self.host.name in self._kept)

    def _receive(self, kind: int, message: Dict[str, Any]) -> None:
        if kind == frames.REVOKE:
            self._take_back(message["slot"], message.get("cancel") is True)

    def _take_back(self, slot: int, cancel: bool) -> None:
        run = self._running.get(slot)
        if run is None:
            self._revoked[slot] = None
            if len(self._revoked) > _MAX_REVOKED:
                self._revoked.popitem(last=False)
            self._free(slot, True)
        elif cancel:
            run.end(DirtyWorkerError("The dirty arbiter took the run's slot back."))

    def _free(self, slot: int, unused: bool = False) -> None:
        if self._registration is not None:
            self._registration.free(slot, unused)

    def _accept(self) -> asyncio.Protocol:
        session = Session(self)
        self._sessions.add(session)
        if len(self._sessions) > _MAX_CONNECTIONS:
            self._loop.call_soon(session.connection.abort)
        return session.connection

    def gone(self, session: "Session") -> None:
        """A client has gone: its runs are cancelled."""
        self._sessions.discard(session)
        for run in list(session.runs.values()):
            run.abort()
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

    def run(self, session: "Session", request_id: int, message: Dict[str, Any]) -> None:
        """Takes a run, or sends NACK."""
        slot, host = message["slot"], self.host
        epoch = self._registration.epoch if self._registration is not None else 0
        if (
            message["app"] != host.name
            or not self._takes()
            or host.running >= host.concurrency
            or slot in self._running
            or slot in self._revoked
            or slot // _EPOCH < epoch
        ):
            # So it need not wait to be found unused.
            if slot not in self._running:
                self._free(slot, True)
            session.connection.send(frames.NACK, request_id)
            return
        if "stream" in message:
            error = DirtyError("Apps in Python have no resumable streams.")
            session.connection.send(frames.ERROR, request_id, {"error": to_wire(error)})
            self._free(slot, True)
            return
        run = Run(host, session, request_id, message, self._post)
        session.runs[request_id] = run
        host.running += 1
        self.begun += 1
        self._running[slot] = run
        if self._registration is not None:
            self._registration.began(slot)
        run.start()

    def _post(self, run: Run, kind: int, payload: bytes) -> None:
        """Hands a frame of a run to the main thread. Called in any thread."""
        self._outbox.append((run, kind, payload))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._send_outbox)

    def _send_outbox(self) -> None:
        # Before the first look: what is posted behind the last one schedules this anew.
        self._scheduled = False
        outbox = self._outbox
        # What is there now leaves in one write for each connection.
        gathered: Dict[Connection, List[bytes]] = {}
        for _ in range(len(outbox)):
            run, kind, payload = outbox.popleft()
            if kind == SETTLED:
                self._settled(run)
            elif not run.aborted and not run.answered:
                if kind in _ANSWERS:
                    run.answered = True
                    run.finished()
                gathered.setdefault(run.caller.connection, []).append(frames.encoded(kind, run.id, payload))
        for connection, parts in gathered.items():
            connection.write(b"".join(parts))
        if outbox and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._send_outbox)

    def _settled(self, run: Run) -> None:
        run.finished()
        self.host.running -= 1
        del self._running[run.slot]
        run.caller.runs.pop(run.id, None)
        self._free(run.slot)
        self._served()
        self._changed.set()


class Session:
    """What one client of the worker has going."""

    def __init__(self, worker: DirtyWorker) -> None:
        self.connection = Connection(self._receive, lambda _: self._closed())
        self.runs: Dict[int, Run] = {}
        #: Whether it is another dirty worker, whose app calls the one here.
        self.colleague = False
        self._worker = worker
        self._welcome = False
        self._limit = asyncio.get_running_loop().call_later(_HELLO_S, self.connection.abort)

    def _receive(self, kind: int, request_id: int, payload: bytes) -> None:
        if not self._welcome:
            if kind != frames.HELLO:
                raise DirtyProtocolError("The first message to a dirty worker must be HELLO.")
            self.colleague = self._worker.greet(frames.payload_dict(payload))
            self._welcome = True
            self._limit.cancel()
        elif kind == frames.RUN:
            self._worker.run(self, request_id, _checked(frames.payload_dict(payload)))
        elif kind == frames.CANCEL:
            run = self.runs.get(request_id)
            if run is not None:
                run.abort()
        elif kind == frames.CREDIT:
            count = frames.payload_dict(payload).get("bytes")
            if not _is_number(count) or count < 0:
                raise DirtyProtocolError('The field "bytes" of a message is not a positive number.')
            run = self.runs.get(request_id)
            if run is not None:
                run.grant(int(count))
        elif kind in (frames.ATTACH, frames.END_STREAM):
            self.connection.send(frames.NACK, request_id)
        else:
            raise DirtyProtocolError(f"A dirty worker takes no message of type 0x{kind:x}.")

    def _closed(self) -> None:
        self._limit.cancel()
        self._worker.gone(self)


_KINDS: Tuple[Tuple[str, type, str], ...] = (
    ("app", str, "a string"),
    ("action", str, "a string"),
    ("request_id", str, "a string"),
    ("args", list, "a list"),
)


def _checked(run: Dict[str, Any]) -> Dict[str, Any]:
    for name, kind, what in _KINDS:
        if not isinstance(run.get(name), kind):
            raise DirtyProtocolError(f'The field "{name}" of a message is not {what}.')
    for name in ("slot", "ms_left"):
        if not _is_number(run.get(name)):
            raise DirtyProtocolError(f'The field "{name}" of a message is not a number.')
    if not isinstance(run.get("kwargs", {}), dict) or not isinstance(run.get("emitted", []), list):
        raise DirtyProtocolError("A field of a message is of a wrong kind.")
    return run


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
