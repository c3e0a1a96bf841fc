"""A dirty worker with an app, a dirty arbiter and clients that the tests play."""

import asyncio
import collections
import logging
import os
import shutil
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
    def defaults(self, a, b=2, c=3): return [a, b, c]
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


class PlayedWorker(unittest.IsolatedAsyncioTestCase):
    #: The app's module.
    app = APP
    #: Seconds that a resumable run goes on without a reader.
    grace = 30.0

    async def asyncSetUp(self):
        # What is said of strangers is meant to be said.
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        with open(os.path.join(self.folder, "played_app.py"), "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(self.app))
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
        self.worker = DirtyWorker(host, self.path, dirty, hello, lambda: None, self.grace)
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

    async def greeted(self):
        """Another client."""
        client = await self.connect()
        self.addCleanup(client.writer.close)
        client.send(frames.HELLO, 0, {"token": TOKEN, "role": "http-worker", "id": 3, "pid": 1})
        return client

    def run_action(self, request_id, action, *args, slot=None, **more):
        message = {"slot": SLOT + request_id if slot is None else slot, "app": NAME, "action": action, "args": list(args)}
        self.client.send(frames.RUN, request_id, {**message, "ms_left": 60_000, "request_id": f"r{request_id}", **more})
