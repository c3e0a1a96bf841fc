"""Dirty apps in Python with jobs of every temper, for the tests that start real servers."""

import asyncio
import json
import os
import signal
import time

from tsunicorn import DirtyApp, DirtyError, request

YIELDS = {}


class Refusal(DirtyError):
    expected = True


def note(what, of):
    line = {"at": time.time() * 1000, "what": what, "id": of.id, "aborted": of.cancelled, "pid": os.getpid()}
    with open("notes.log", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


class Noted:
    """Notes that a job began, and that it has settled."""

    def __enter__(self):
        self.request = request.current()
        note("began", self.request)

    def __exit__(self, *_):
        note("settled", self.request)


class Jobs(DirtyApp):
    ready = False

    def init(self):
        self.ready = True

    def was_ready(self):
        return self.ready

    def pid(self):
        return os.getpid()

    def echo(self, *args):
        return args

    def add(self, a, b):
        return a + b

    async def add_later(self, a, b):
        await asyncio.sleep(0.001)
        return a + b

    def id(self):
        return request.id

    def job(self, ms):
        with Noted():
            time.sleep(ms / 1000)
            return request.id

    def work(self, ms):
        with Noted():
            request.wait(ms / 1000)
            return request.id

    async def work_later(self, ms):
        with Noted():
            await asyncio.sleep(ms / 1000)
            return request.id

    def ticks(self, n, ms):
        with Noted():
            for i in range(n):
                yield i
                time.sleep(ms / 1000)

    async def ticks_later(self, n, ms):
        with Noted():
            for i in range(n):
                yield i
                await asyncio.sleep(ms / 1000)

    async def thinks_later(self, ms):
        with Noted():
            await asyncio.sleep(ms / 1000)
            yield "thought"

    async def blocks(self, n, ms):
        """Async, and yet it blocks the loop that it runs in."""
        with Noted():
            for i in range(n):
                time.sleep(ms / 1000)
                yield i

    def ids(self, turns):
        for turn in range(turns):
            yield request.id
            if turn % 4 == 1:
                time.sleep(0.001)

    async def ids_later(self, turns):
        for turn in range(turns):
            yield request.id
            if turn % 4 == 1:
                await asyncio.sleep(0.001)

    def text(self, n):
        for i in range(n):
            yield f"grüße {i} 🎈"

    async def text_later(self, n):
        for i in range(n):
            yield f"grüße {i} 🎈"

    def flood(self, n, size):
        with Noted():
            for i in range(n):
                YIELDS[request.id] = i + 1
                yield str(i).rjust(size, ".")

    async def flood_later(self, n, size):
        with Noted():
            for i in range(n):
                YIELDS[request.id] = i + 1
                yield str(i).rjust(size, ".")

    def yielded(self, request_id):
        return YIELDS.get(request_id, 0)

    def spin(self, ms):
        with Noted():
            until = time.monotonic() + ms / 1000
            while time.monotonic() < until:
                pass
            return ms

    def spin_until(self, path):
        with Noted():
            while not os.path.exists(path):
                pass
            return path

    def deaf(self):
        with Noted():
            while True:
                time.sleep(1)

    async def stubborn(self):
        with Noted():
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass

    def dies(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def tells_then_dies(self, n):
        yield from range(n)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)

    def goes_on(self, n, dies_at):
        done = len(request.emitted)
        for i in range(done, n):
            if i == dies_at and done == 0:
                time.sleep(0.05)
                os.kill(os.getpid(), signal.SIGKILL)
            yield i

    def fails(self, message):
        secret = "swordfish"
        raise ValueError(message)

    async def fails_later(self, message):
        yield "a"
        await asyncio.sleep(0.001)
        yield "b"
        raise KeyError(message)

    def refuses(self, message):
        raise Refusal(message)

    def fails_typed(self):
        raise DirtyError("mine", {"n": 1})

    def exits(self):
        raise SystemExit(7)

    async def exits_later(self):
        raise SystemExit(7)

    def value(self, name):
        return {"set": {1}, "big": 2**64, "object": object()}[name]

    def values(self, name):
        yield 1
        yield self.value(name)

    def numbers(self):
        return iter([1, 2, 3])

    def calls_with(self, *args, **kwargs):
        return [list(args), kwargs]

    _hidden = echo
    field = 1

    @property
    def computed(self):
        return 1


class One(Jobs):
    pass


class Two(Jobs):
    workers = 2
    continues = ["goes_on"]


class Many(Jobs):
    concurrency = 50
