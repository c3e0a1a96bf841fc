"""A dirty worker with an app, whose dirty arbiter and strangers the tests play."""

import asyncio
import collections
import logging
import os
import shutil
import sys
import tempfile
import unittest

from tsunicorn import frames
from tsunicorn.app_host import AppHost
from tsunicorn.dirty_worker import DirtyWorker

APP = """
class App:
    def add(self, a, b): return a + b
"""


class Peer:
    """One end of a connection, with deadlines."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.frames, self.read = frames.FrameReader(), collections.deque()

    def send(self, kind, request_id=0, value=frames.NOTHING):
        self.writer.write(frames.frame(kind, request_id, value))

    async def next(self, seconds=30):
        while not self.read:
            data = await asyncio.wait_for(self.reader.read(65536), seconds)
            self.read.extend(self.frames.push(data))
            if not data:
                raise EOFError
        kind, request_id, payload = self.read.popleft()
        return kind, request_id, frames.payload_dict(payload) if payload else None


class PlayedWorker(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        # What is said of strangers is meant to be said.
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        with open(os.path.join(self.folder, "played_app.py"), "w", encoding="utf-8") as file:
            file.write(APP)
        sys.path.insert(0, self.folder)
        sys.modules.pop("played_app", None)
        arrived = asyncio.get_running_loop().create_future()
        dirty = os.path.join(self.folder, "dirty.sock")
        self.server = await asyncio.start_unix_server(lambda *ends: arrived.set_result(Peer(*ends)), dirty)
        self.path = os.path.join(self.folder, "w.sock")
        host = AppHost({"path": "played_app", "className": "App", "name": "python:played_app:App"})
        await asyncio.wrap_future(host.load())
        host.statics()
        await asyncio.wrap_future(host.start())
        hello = {"token": "a token", "role": "dirty-worker", "id": 1, "pid": os.getpid()}
        self.worker = DirtyWorker(host, self.path, dirty, hello, lambda: None)
        await self.worker.open()
        self.arbiter = await asyncio.wait_for(arrived, 30)

    async def asyncTearDown(self):
        await self.worker.close(1)
        self.arbiter.writer.close()
        self.server.close()
        await self.server.wait_closed()
        sys.path.remove(self.folder)

    async def connect(self):
        return Peer(*await asyncio.open_unix_connection(self.path))
