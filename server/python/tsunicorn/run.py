"""One request while the app serves it: from the call of its action until the action's code has ended."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import AsyncIterable, Iterator
from typing import Any, Callable, Dict, Optional, Protocol

from . import frames
from .actions import fitting
from .app_host import AppHost
from .connection import Connection
from .errors import DirtyAppError, DirtyAppNotFoundError, DirtyError, DirtyTimeoutError, text_of, to_wire
from .log import log
from .current_request import Request, enter

#: How many bytes of a stream may be on their way at once.
WINDOW = 256 * 1024

#: Posted when the run's code has ended.
SETTLED = -1


class Output(Protocol):
    """Where a run sends what it makes, in the main thread: its caller, or a stream that keeps it for many readers."""

    def tell(self, kind: int, payload: bytes) -> None: ...


class Caller:
    """Whoever asked for a run and reads it alone."""

    def __init__(self, connection: Connection, request_id: int, done: Callable[[], None]) -> None:
        self.connection = connection
        self.id = request_id
        #: Called when the client's id means nothing any more.
        self.done = done

    def tell(self, kind: int, payload: bytes) -> None:
        """Sends a frame."""
        self.connection.write(frames.encoded(kind, self.id, payload))


class Run:
    """
    The main thread starts it, grants credit and aborts it; the app's thread or loop pumps it, and posts what it makes
    to the main thread, which alone decides what of that is still sent.
    """

    def __init__(
        self,
        host: AppHost,
        output: Output,
        message: Dict[str, Any],
        post: Callable[["Run", int, bytes], None],
    ) -> None:
        self.host = host
        self.output = output
        self.slot: int = message["slot"]
        self.action: str = message["action"]
        self.deadline = time.monotonic() * 1000 + message["ms_left"]
        #: Nothing of it is sent any more. Set by the main thread.
        self.aborted = False
        #: Its one answer was sent. Set by the main thread.
        self.answered = False
        self._message = message
        #: Whether its reader takes ints of more than 53 bits.
        self._wide = message.get("wide") is True
        self._post = post
        self._request = Request(message["request_id"], message["ms_left"], message.get("emitted", []))
        self._sent = 0
        self._limit = WINDOW
        self._credit: Optional[threading.Event] = None
        self._is_async = False
        self._async_credit: Optional[asyncio.Event] = None
        self._task: Optional["asyncio.Task[None]"] = None
        self._timer: Optional[asyncio.TimerHandle] = None

    # What follows is for the main thread.

    def start(self) -> None:
        """Calls the action."""
        # The caller must know that the run began before the action can do harm: a request whose worker dies earlier
        # than this is placed again.
        self.output.tell(frames.STARTED, b"")
        self._timer = asyncio.get_running_loop().call_later(self._message["ms_left"] / 1000, self._expire)
        context = contextvars.copy_context()
        context.run(enter, self._request)
        action = self.host.action(self.action)
        if action is None:
            self.fail(DirtyAppNotFoundError(f'The dirty app {self.host.name} has no action "{self.action}".'))
            self._post(self, SETTLED, b"")
        elif inspect.iscoroutinefunction(action) or inspect.isasyncgenfunction(action):
            self._begin_async(context, lambda: self._call(action))
        else:
            self.host.threads.submit(lambda: context.run(self._pump, action, context))

    def grant(self, count: int) -> None:
        """Lets the stream send so many bytes more."""
        self._limit = min(self._sent + WINDOW, self._limit + count)
        self._awaken()

    def abort(self) -> None:
        """Ends what nobody wants: the request is cancelled, a generator is closed as soon as it stands at a `yield`."""
        if self.aborted:
            return
        self.aborted = True
        self.finished()
        self._request.cancel()
        self._awaken()

    def end(self, reason: BaseException) -> None:
        """Aborts the run, and tells its caller why: nobody else would."""
        if not self.aborted and not self.answered:
            self.answered = True
            self.output.tell(frames.ERROR, frames.payload_of({"error": to_wire(reason)}))
        self.abort()

    def finished(self) -> None:
        """Its time does not matter any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        seconds = self._message["ms_left"] / 1000
        error = DirtyTimeoutError(f"{self._label} took longer than {seconds:g} s.", {"timeout": seconds})
        log.warning("%s", error, extra={"requestId": self._request.id})
        self.end(error)

    def _awaken(self) -> None:
        if self._credit is not None:
            self._credit.set()
        if self._is_async:
            self.host.loop.call(self._awaken_async)

    def _awaken_async(self) -> None:
        if self._async_credit is not None:
            self._async_credit.set()
        if self.aborted and self._task is not None:
            self._task.cancel()

    # What follows is for the app's thread, or its loop.

    @property
    def _label(self) -> str:
        return f"{self.host.name} {self.action}"

    def _call(self, action: Callable[..., Any]) -> Any:
        return action(*fitting(action, self._message["args"]), **self._message.get("kwargs", {}))

    def _pump(self, action: Callable[..., Any], context: contextvars.Context) -> None:
        try:
            result = self._call(action)
            if inspect.isawaitable(result) or isinstance(result, AsyncIterable):
                # It goes on in the app's loop, and settles there.
                self._begin_async(context.copy(), lambda: result, result)
                return
            if isinstance(result, Iterator):
                self._stream(result)
            else:
                self._answer(result)
        except BaseException as error:
            self.fail(error)
        self._post(self, SETTLED, b"")

    def _stream(self, iterator: "Iterator[Any]") -> None:
        self._credit = threading.Event()
        try:
            for value in iterator:
                if self.aborted:
                    return
                self._chunk(value)
                while self._sent >= self._limit and not self.aborted:
                    self._credit.clear()
                    # Granted between the look and the clear, it would wait for ever.
                    if self._sent >= self._limit and not self.aborted:
                        self._credit.wait()
                if self.aborted:
                    return
            self._post(self, frames.END, b"")
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def _begin_async(self, context: contextvars.Context, call: Callable[[], Any], made: Any = None) -> None:
        # Before the loop hears of it: whoever aborts the run from now on tells the loop, behind this.
        self._is_async = True

        def begin() -> None:
            if self.aborted:
                if inspect.iscoroutine(made):
                    made.close()
                self._post(self, SETTLED, b"")
                return
            # In the loop's own thread: Python 3.9 binds it to the loop of the thread that makes it.
            self._async_credit = asyncio.Event()
            self._task = context.run(asyncio.get_running_loop().create_task, self._pump_async(call))
            # Not at the end of the coroutine, which never runs where it is cancelled before its first step.
            self._task.add_done_callback(self._settled)

        self.host.loop.call(begin)

    async def _pump_async(self, call: Callable[[], Any]) -> None:
        try:
            await self._serve_async(call)
        except (SystemExit, KeyboardInterrupt) as error:
            # Let through, it would end the loop, and with it every other run.
            raise DirtyAppError(f"The action raised {type(error).__name__}.") from error

    async def _serve_async(self, call: Callable[[], Any]) -> None:
        result = call()
        if inspect.isawaitable(result):
            result = await result
        if isinstance(result, AsyncIterable):
            await self._stream_async(result)
        elif isinstance(result, Iterator):
            await self._stream_async(_as_async(result))
        else:
            self._answer(result)

    async def _stream_async(self, iterable: "AsyncIterable[Any]") -> None:
        event = self._async_credit
        assert event is not None
        try:
            async for value in iterable:
                if self.aborted:
                    return
                self._chunk(value)
                while self._sent >= self._limit and not self.aborted:
                    event.clear()
                    if self._sent >= self._limit and not self.aborted:
                        await event.wait()
                await self.host.loop.breathe()
                if self.aborted:
                    return
            self._post(self, frames.END, b"")
        finally:
            close = getattr(iterable, "aclose", None)
            if close is not None:
                await close()

    def _settled(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self.fail(error)
        elif not self.aborted:
            self.fail(DirtyAppError("The action cancelled itself."))
        self._post(self, SETTLED, b"")

    def _chunk(self, value: Any) -> None:
        payload = frames.chunk_payload(value, self._wide)
        # As the receiver counts it: the whole frame.
        self._sent += len(payload) + frames.HEADER_SIZE
        self._post(self, frames.CHUNK, payload)

    def _answer(self, result: Any) -> None:
        self._post(self, frames.RESPONSE, frames.result_payload(result, self._wide))

    def fail(self, error: BaseException) -> None:
        """The action failed; its caller is told the error's message, the log the traceback."""
        # After an abort nobody is there to be told, and the app's error is most likely the abort itself.
        if self.aborted or self.answered:
            log.debug("%s failed after its end", self._label, exc_info=error, extra={"requestId": self._request.id})
            return
        if isinstance(error, DirtyError) and error.expected is True:
            log.debug("%s refused: %s", self._label, text_of(error), extra={"requestId": self._request.id})
        elif not isinstance(error, DirtyAppNotFoundError):
            log.error("%s failed", self._label, exc_info=error, extra={"requestId": self._request.id})
        wire = to_wire(error, {"app_path": self.host.name, "action": self.action})
        try:
            payload = frames.payload_of({"error": wire})
        except DirtyError:
            # The caller must hear of the error also when its details cannot cross.
            payload = frames.payload_of({"error": {**wire, "message": ascii(wire["message"]), "details": {}}})
        self._post(self, frames.ERROR, payload)


async def _as_async(iterator: "Iterator[Any]") -> Any:
    try:
        for value in iterator:
            yield value
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
