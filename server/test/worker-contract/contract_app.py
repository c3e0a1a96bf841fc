"""The contract's app in Python. Its twin is contract-app.mjs: the same actions, which do the same."""

import asyncio
import datetime
import os
import signal
import time

from tsunicorn import DirtyApp, DirtyError, request, stash


def note(text):
    """Tells the test, which reads the file."""
    with open("notes.log", "a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def gate(name):
    """Waits until the test opens the gate of that name, whatever else is asked of the run."""
    while not os.path.exists(f"{name}.open"):
        time.sleep(0.005)


class App(DirtyApp):
    concurrency = int(os.environ["CONCURRENCY"])
    continues = ["counts", "letters"]

    def echo(self, *args, **kwargs):
        return [*args, kwargs] if kwargs else args

    async def echoLater(self, *args):
        await asyncio.sleep(0.001)
        return args

    def defaults(self, a, b=2, c=3):
        return [a, b, c]

    def hold(self, name):
        """Runs until it is aborted."""
        note(f"{name} began")
        request.wait()
        note(f"{name} settled")
        return "not heard"

    async def holdLater(self, name):
        note(f"{name} began")
        try:
            await asyncio.sleep(3600)
        finally:
            note(f"{name} settled")

    async def ticks(self, name):
        """Yields for ever, and waits between."""
        note(f"{name} began")
        try:
            n = 0
            while True:
                yield n
                n += 1
                await asyncio.sleep(0.002)
        finally:
            note(f"{name} settled")

    def floods(self, name, size):
        """Yields texts for ever, and waits for nothing."""
        note(f"{name} began")
        try:
            n = 0
            while True:
                yield str(n).rjust(size)
                n += 1
        finally:
            note(f"{name} settled")

    def gated(self, name, size):
        """Yields once, then waits for its gate, then floods."""
        yield "first"
        gate(name)
        n = 0
        while True:
            yield str(n).rjust(size)
            n += 1

    async def thinks(self, name):
        """Thinks until it is aborted, before its first chunk."""
        try:
            note(f"{name} began")
            await asyncio.sleep(3600)
            yield "too late"
        finally:
            note(f"{name} settled")

    def deaf(self, name):
        """Hears of no abort; ends when its gate is open."""
        note(f"{name} began")
        gate(name)
        note(f"{name} settled")
        return "not heard"

    def counts(self, n):
        yield from range(len(request.emitted), n)

    async def countsLater(self, n):
        for i in range(n):
            await asyncio.sleep(0.001)
            yield i

    def waits(self, name):
        """Yields once, and runs until it is aborted."""
        try:
            yield "here"
            request.wait()
        finally:
            note(f"{name} settled")

    def endsLater(self, name):
        """Yields once; ends when its gate is open."""
        yield "here"
        gate(name)
        yield "there"

    def large(self, n, size):
        for i in range(n):
            yield str(i).rjust(size)

    def letters(self, n, size):
        yield from self.large(n, size)

    def result(self, size):
        return "x" * size

    def emits(self):
        yield from request.emitted
        yield request.id

    def unsendable(self):
        return {"rows": [datetime.datetime.now()]}

    def yieldsUnsendable(self):
        yield "good"
        yield datetime.datetime.now()

    def fails(self, message):
        raise TypeError(message)

    def failsTyped(self):
        raise DirtyError("mine", {"n": 1})

    async def failsMidway(self, message):
        yield "a"
        await asyncio.sleep(0.001)
        yield "b"
        raise TypeError(message)

    def dies(self):
        os.kill(os.getpid(), signal.SIGKILL)
        while True:
            pass

    def putAndGet(self, table, key, value):
        stash.put(table, key, value)
        return [stash.get(table, key), stash.get(table, "missing", "the default")]

    def _hidden(self):
        return "hidden"
