"""What a peer can have warned of as often as it likes."""

import asyncio
import logging
import unittest

from played import PlayedWorker
from tsunicorn import connection, frames
from tsunicorn.log import log
from tsunicorn.seldom import SeldomWarning

MESSAGE = "a connection to the dirty worker failed"


class Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


class Seldom(PlayedWorker):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.kept = Kept()
        log.addHandler(self.kept)
        self.addCleanup(log.removeHandler, self.kept)

    def said(self):
        return [record.getMessage() for record in self.kept.records]

    async def test_strangers_with_bad_frames_are_told_once_and_counted(self):
        before, connection._failures = connection._failures, SeldomWarning(MESSAGE)
        self.addCleanup(setattr, connection, "_failures", before)
        for _ in range(5):
            stranger = await self.connect()
            stranger.send(0x7F, 0, frames.NOTHING)
            self.assertEqual((await stranger.next())[0], frames.ERROR)
            stranger.writer.close()
        self.assertEqual(self.said(), [MESSAGE])
        self.assertIsNotNone(self.kept.records[0].exc_info)
        # As if the pause were over. In TypeScript they are the same words.
        connection._failures._tell()
        self.assertEqual(self.said()[1:], [f"{MESSAGE}: 4 more within 10 s"])

    async def test_after_a_pause_it_tells_again(self):
        seldom = SeldomWarning("it failed", 0)
        for _ in range(2):
            seldom.warn(ValueError("why"))
            await asyncio.sleep(0.01)
        self.assertEqual(self.said(), ["it failed", "it failed"])


if __name__ == "__main__":
    unittest.main()
