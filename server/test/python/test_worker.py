"""The rules of slots and of runs, with a dirty arbiter and clients that the tests play."""

import asyncio
import collections
import logging
import os
import sys
import tempfile
import textwrap
import unittest

from tsunicorn import frames
from tsunicorn.app_host import AppHost
from tsunicorn.dirty_worker import DirtyWorker

TOKEN = "a token"
EPOCH = 3
SLOT = EPOCH * 2**32
NAME = "python:played_app:App"

APP = """
import time
from tsunicorn import DirtyApp, request

class App(DirtyApp):
    concurrency = 2
    def add(self, a, b): return a + b
    def waits(self): return request.wait(5)
    def count(self, n): yield from range(n)
    async def emits(self):
        for chunk in request.emitted: yield chunk
        yield request.id
"""


class Peer:
    """One end of a connection, with deadlines."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.frames, self.read = frames.FrameReader(), collections.deque()

    def send(self, kind, request_id=0, value=frames.NOTHING):
        self.writer.write(frames.frame(kind, request_id, value))

    async def next(self, seconds=5):
        while not self.read:
            data = await asyncio.wait_for(self.reader.read(65536), seconds)
            self.read.extend(self.frames.push(data))
            if not data:
                raise EOFError
        kind, request_id, payload = self.read.popleft()
        return kind, request_id, frames.payload_dict(payload) if payload else None

    async def next_of(self, *kinds):
        while True:
            frame = await self.next()
            if frame[0] in kinds:
                return frame


class Worker(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        # What is said of strangers is meant to be said.
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.folder = tempfile.mkdtemp()
        with open(os.path.join(self.folder, "played_app.py"), "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(APP))
        sys.path.insert(0, self.folder)
        sys.modules.pop("played_app", None)
        self.arrived = asyncio.get_running_loop().create_future()
        dirty = os.path.join(self.folder, "dirty.sock")
        self.server = await asyncio.start_unix_server(lambda *ends: self.arrived.set_result(Peer(*ends)), dirty)
        self.path = os.path.join(self.folder, "w.sock")
        host = AppHost({"path": "played_app", "className": "App", "name": NAME})
        await asyncio.wrap_future(host.load())
        host.statics()
        await asyncio.wrap_future(host.start())
        hello = {"token": TOKEN, "role": "dirty-worker", "id": 1, "pid": os.getpid()}
        self.worker = DirtyWorker(host, self.path, dirty, hello, lambda: None)
        await self.worker.open()
        self.arbiter = await asyncio.wait_for(self.arrived, 5)
        self.assertEqual(await self.arbiter.next(), (frames.HELLO, 0, hello))
        self.arbiter.send(frames.WELCOME, 0, {"epoch": EPOCH})
        self.ready = (await self.arbiter.next_of(frames.READY))[2]
        self.client = await self.connect()
        self.client.send(frames.HELLO, 0, {"token": TOKEN, "role": "http-worker", "id": 2, "pid": 1})

    async def asyncTearDown(self):
        await self.worker.close(1)
        self.client.writer.close()
        self.arbiter.writer.close()
        self.server.close()
        await self.server.wait_closed()
        sys.path.remove(self.folder)

    async def connect(self):
        return Peer(*await asyncio.open_unix_connection(self.path))

    def run_action(self, request_id, action, *args, slot=None, **more):
        message = {"slot": SLOT + request_id if slot is None else slot, "app": NAME, "action": action, "args": list(args)}
        self.client.send(frames.RUN, request_id, {**message, "ms_left": 60_000, "request_id": f"r{request_id}", **more})

    async def test_it_registers_with_its_app(self):
        self.assertEqual(self.ready["apps"], [{"app": NAME, "concurrency": 2, "continues": []}])
        self.assertEqual((self.ready["running"], self.ready["streams"]), ([], []))

    async def test_a_run_is_started_answered_and_its_slot_freed(self):
        self.run_action(1, "add", 1, 2)
        self.assertEqual(await self.client.next(), (frames.STARTED, 1, None))
        self.assertEqual(await self.client.next(), (frames.RESPONSE, 1, {"result": 3}))
        self.assertEqual((await self.arbiter.next_of(frames.FREE))[2], {"slot": SLOT + 1})

    async def test_heartbeats_tell_which_slots_have_begun(self):
        self.run_action(1, "waits")
        while True:
            started = (await self.arbiter.next_of(frames.HEARTBEAT))[2]["started"]
            if started:
                break
        self.assertEqual(started, [SLOT + 1])

    async def test_a_slot_over_concurrency_of_an_older_epoch_or_taken_back_is_refused(self):
        self.run_action(1, "waits")
        self.run_action(2, "waits")
        self.run_action(3, "add", 1, 2)
        self.assertEqual((await self.client.next_of(frames.NACK))[1], 3)
        self.client.send(frames.CANCEL, 1)
        self.client.send(frames.CANCEL, 2)
        for _ in range(3):
            await self.arbiter.next_of(frames.FREE)
        self.run_action(4, "add", 1, 2, slot=SLOT - 1)
        self.assertEqual((await self.client.next_of(frames.NACK))[1], 4)
        self.arbiter.send(frames.REVOKE, 0, {"slot": SLOT + 5, "cancel": False})
        while (await self.arbiter.next_of(frames.FREE))[2] != {"slot": SLOT + 5, "unused": True}:
            pass
        self.run_action(5, "add", 1, 2)
        self.assertEqual((await self.client.next_of(frames.NACK))[1], 5)

    async def test_revoke_without_cancel_lets_a_run_go_on_and_with_it_ends_it(self):
        self.run_action(1, "waits")
        await self.client.next_of(frames.STARTED)
        self.arbiter.send(frames.REVOKE, 0, {"slot": SLOT + 1, "cancel": False})
        self.run_action(2, "add", 1, 2)
        self.assertEqual((await self.client.next_of(frames.RESPONSE, frames.ERROR))[1], 2)
        self.arbiter.send(frames.REVOKE, 0, {"slot": SLOT + 1, "cancel": True})
        kind, request_id, payload = await self.client.next_of(frames.ERROR)
        self.assertEqual((request_id, payload["error"]["error_type"]), (1, "DirtyWorkerError"))

    async def test_a_cancelled_run_says_nothing_more_and_late_cancels_and_credit_are_ignored(self):
        self.run_action(1, "waits")
        await self.client.next_of(frames.STARTED)
        self.client.send(frames.CANCEL, 1)
        await self.arbiter.next_of(frames.FREE)
        self.client.send(frames.CANCEL, 1)
        self.client.send(frames.CREDIT, 1, {"bytes": 100})
        self.run_action(2, "add", 1, 2)
        self.assertEqual(await self.client.next(), (frames.STARTED, 2, None))

    async def test_a_stream_stops_at_its_window_and_goes_on_with_credit(self):
        self.run_action(1, "count", 20_000)
        got = 0
        while True:
            try:
                kind, _, payload = await self.client.next(0.5)
            except asyncio.TimeoutError:
                break
            got += kind == frames.CHUNK
        size = 16 + len(frames.chunk_payload(1))
        self.assertEqual(got, -(-256 * 1024 // size))
        self.client.send(frames.CREDIT, 1, {"bytes": 10 * size})
        seen = [(await self.client.next())[2]["data"] for _ in range(10)]
        self.assertEqual(seen, list(range(got, got + 10)))

    async def test_emitted_reaches_the_action(self):
        self.run_action(1, "emits", emitted=["a", "b"])
        chunks = [(await self.client.next_of(frames.CHUNK))[2]["data"] for _ in range(3)]
        self.assertEqual(chunks, ["a", "b", "r1"])

    async def test_a_resumable_run_is_refused_with_a_reason(self):
        self.run_action(1, "count", 3, stream="x" * 22)
        kind, _, payload = await self.client.next()
        self.assertEqual(kind, frames.ERROR)
        self.assertEqual(payload["error"]["message"], "Apps in Python have no resumable streams.")
        self.assertEqual((await self.arbiter.next_of(frames.FREE))[2], {"slot": SLOT + 1, "unused": True})

    async def test_strangers_and_nonsense_end_their_own_connection_only(self):
        for kind, value in (
            (frames.HELLO, {"token": "wrong", "role": "http-worker", "id": 9, "pid": 9}),
            (frames.RUN, {"slot": 1}),
            (0x7F, frames.NOTHING),
        ):
            stranger = await self.connect()
            stranger.send(kind, 0, value)
            self.assertEqual((await stranger.next())[0], frames.ERROR)
            with self.assertRaises(EOFError):
                await stranger.next()
            stranger.writer.close()
        self.run_action(1, "add", 1, 2)
        self.assertEqual((await self.client.next_of(frames.RESPONSE))[2], {"result": 3})

    async def test_it_draws_no_new_runs_while_it_drains(self):
        self.run_action(1, "waits")
        await self.client.next_of(frames.STARTED)
        draining = asyncio.ensure_future(self.worker.drain(5))
        self.assertEqual((await self.arbiter.next_of(frames.READY))[2]["apps"], [])
        self.run_action(2, "add", 1, 2)
        self.assertEqual((await self.client.next_of(frames.NACK))[1], 2)
        self.client.send(frames.CANCEL, 1)
        await asyncio.wait_for(draining, 2)


if __name__ == "__main__":
    unittest.main()
