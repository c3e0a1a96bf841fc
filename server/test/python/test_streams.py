"""Resumable streams: what readers get of them, what is kept, and when it is given up."""

import asyncio
import itertools
import logging
import unittest

from played import NAME, SLOT, PlayedWorker
from tsunicorn import frames
from tsunicorn.replay_buffer import ReplayBuffer

APP = """
import asyncio
from tsunicorn import DirtyApp, request

STATE = {"made": 0, "closed": 0}

class App(DirtyApp):
    concurrency = 8
    continues = ["counts"]

    def count(self, n):
        yield from range(n)

    def counts(self, n):
        yield from range(len(request.emitted), n)

    async def counts_later(self, n):
        for i in range(n):
            yield i

    def waits(self):
        try:
            yield "first"
            while not request.wait(0.05):
                pass
        finally:
            STATE["closed"] += 1

    def large(self, n, size):
        for i in range(n):
            STATE["made"] += 1
            yield str(i).rjust(size)

    def result(self, size): return "x" * size
    def fails(self):
        yield 1
        raise ValueError("the model broke")
    def state(self): return dict(STATE)
"""

WINDOW = 256 * 1024


class Streams(PlayedWorker):
    app = APP
    grace = 0.4

    async def asyncSetUp(self):
        await super().asyncSetUp()
        logging.disable(logging.ERROR)
        self.numbers = itertools.count(50_000)

    def begin(self, request_id, action, *args, **more):
        """A resumable run, and its stream's id."""
        stream = f"stream-{request_id}"
        self.run_action(request_id, action, *args, stream=stream, **more)
        return stream

    def attach(self, client, request_id, of, after=0, **more):
        message = {"stream": f"stream-{of}", "slot": SLOT + of, "after": after, "prefix": False}
        client.send(frames.ATTACH, request_id, {**message, **more})

    async def read(self, client, request_id, grant=True):
        """What a client reads to the end: the chunks, and the frame behind them."""
        chunks = []
        while True:
            kind, which, payload = await client.next()
            self.assertEqual(which, request_id)
            if kind == frames.CHUNK:
                chunks.append(payload["data"])
                if grant:
                    client.send(frames.CREDIT, request_id, {"bytes": 16 + len(frames.chunk_payload(payload["data"]))})
            elif kind not in (frames.STARTED, frames.ATTACHED):
                return chunks, kind, payload

    async def state(self, client=None):
        client = client or await self.greeted()
        number = next(self.numbers)
        message = {"slot": SLOT + number, "app": NAME, "action": "state", "args": [], "ms_left": 9_000, "request_id": "s"}
        client.send(frames.RUN, number, message)
        return (await client.next_of(frames.RESPONSE))[2]["result"]

    async def settled_state(self):
        """The app's state once it does not change any more."""
        client = await self.greeted()
        before = None
        for _ in range(100):
            state = await self.state(client)
            if state == before:
                return state
            before = state
            await asyncio.sleep(0.15)
        self.fail("the run does not come to rest")

    async def heard(self, client):
        """All that a client has sent so far was read."""
        number = next(self.numbers)
        nobody = {"slot": SLOT + number, "app": "nobody:App", "action": "a", "args": [], "ms_left": 1, "request_id": "n"}
        client.send(frames.RUN, number, nobody)
        self.assertEqual((await client.next())[:2], (frames.NACK, number))

    async def forgotten(self):
        return (await self.arbiter.next_of(frames.FORGET))[2]

    async def test_the_first_reader_gets_all_of_it_and_so_does_whoever_comes_later_from_any_place(self):
        for request_id, action in ((1, "count"), (2, "counts_later")):
            self.begin(request_id, action, 500)
            self.assertEqual(await self.read(self.client, request_id), (list(range(500)), frames.END, None))
            for after in (0, 7, 500):
                other = await self.greeted()
                self.attach(other, 5, request_id, after)
                kind, _, told = await other.next()
                self.assertEqual(kind, frames.ATTACHED)
                self.assertEqual((told["app"], told["action"], told["continues"]), (NAME, action, False))
                self.assertEqual(await self.read(other, 5), (list(range(after, 500)), frames.END, None))

    async def test_an_error_and_a_result_are_kept_as_well(self):
        self.begin(1, "fails")
        await self.client.next_of(frames.ERROR)
        self.begin(2, "result", 3)
        await self.client.next_of(frames.RESPONSE)
        other = await self.greeted()
        self.attach(other, 1, 1)
        chunks, kind, payload = await self.read(other, 1)
        self.assertEqual((chunks, kind, payload["error"]["message"]), ([1], frames.ERROR, "the model broke"))
        self.attach(other, 2, 2)
        self.assertEqual(await self.read(other, 2), ([], frames.RESPONSE, {"result": "xxx"}))

    async def test_a_run_goes_on_without_its_reader_for_the_grace_and_is_closed_behind_it(self):
        self.begin(1, "waits")
        await self.client.next_of(frames.CHUNK)
        self.client.send(frames.CANCEL, 1)
        other = await self.greeted()
        self.attach(other, 1, 1)
        self.assertEqual((await other.next_of(frames.CHUNK))[2], {"data": "first"})
        self.assertEqual((await self.state())["closed"], 0)
        other.writer.close()
        self.assertEqual(await self.forgotten(), {"stream": "stream-1", "slot": SLOT + 1})
        while (await self.state())["closed"] == 0:
            await asyncio.sleep(0.02)
        # Nobody is kept waiting for what was given up.
        self.attach(self.client, 7, 1)
        self.assertEqual((await self.client.next_of(frames.NACK))[1], 7)

    async def test_who_is_faster_than_the_run_waits_for_it(self):
        other = await self.greeted()
        self.attach(other, 1, 1)
        await self.heard(other)
        self.begin(1, "count", 5)
        self.assertEqual(await self.read(other, 1), (list(range(5)), frames.END, None))
        self.attach(other, 2, 2)
        other.send(frames.CANCEL, 2)
        self.begin(2, "count", 5)
        self.assertEqual((await self.read(self.client, 1))[1], frames.END)

    async def test_a_run_is_held_when_all_readers_are_slow_and_goes_on_when_one_takes_more_or_all_leave(self):
        self.begin(1, "large", 200, 32 * 1024)
        held = (await self.settled_state())["made"]
        self.assertLess(held * 32 * 1024, 3 * WINDOW)
        self.client.send(frames.CREDIT, 1, {"bytes": WINDOW})
        more = (await self.settled_state())["made"]
        self.assertGreater(more, held)
        self.assertLess(more, 200)
        self.client.send(frames.CANCEL, 1)
        self.assertEqual((await self.settled_state())["made"], 200)

    async def test_one_slow_reader_holds_nobody_up_and_is_told_when_it_has_fallen_out(self):
        self.begin(1, "large", 300, 32 * 1024)
        slow = await self.greeted()
        self.attach(slow, 1, 1)
        chunks, kind, _ = await self.read(self.client, 1)
        self.assertEqual((len(chunks), kind), (300, frames.END))
        seen = 0
        while True:
            kind, _, payload = await slow.next()
            if kind == frames.ERROR:
                break
            seen += kind == frames.CHUNK
            if seen >= 8:
                slow.send(frames.CREDIT, 1, {"bytes": 32 * 1024 + 64})
        self.assertEqual(payload["error"]["error_type"], "DirtyStreamGoneError")
        self.assertLess(seen, 300)

    async def test_at_most_4_mib_of_a_stream_are_kept_and_its_beginning_goes_first(self):
        self.begin(1, "large", 300, 32 * 1024)
        self.assertEqual((await self.read(self.client, 1))[1], frames.END)
        other = await self.greeted()
        self.attach(other, 1, 1)
        self.assertEqual((await other.next_of(frames.ERROR))[2]["error"]["error_type"], "DirtyStreamGoneError")
        self.attach(other, 2, 1, 290)
        chunks, kind, _ = await self.read(other, 2)
        self.assertEqual(([int(chunk) for chunk in chunks], kind), (list(range(290, 300)), frames.END))

    async def test_a_result_that_is_too_large_reaches_its_caller_and_nobody_later(self):
        self.begin(1, "result", 5 * 1024 * 1024)
        self.assertEqual(len((await self.client.next_of(frames.RESPONSE))[2]["result"]), 5 * 1024 * 1024)
        other = await self.greeted()
        self.attach(other, 1, 1)
        self.assertEqual((await other.next_of(frames.ERROR))[2]["error"]["error_type"], "DirtyStreamGoneError")

    async def test_the_65th_reader_is_turned_away(self):
        self.begin(1, "waits")
        await self.client.next_of(frames.CHUNK)
        other = await self.greeted()
        for request_id in range(1, 65):
            self.attach(other, request_id, 1)
        self.assertEqual((await other.next_of(frames.ERROR))[1:], (64, self.too_many()))

    def too_many(self):
        details = {"retry_after": 1}
        error = {"error_type": "DirtyQueueFullError", "message": "The stream has too many readers.", "details": details}
        return {"error": error}

    async def test_it_is_ended_by_its_name_and_its_readers_are_told(self):
        self.begin(1, "waits")
        await self.client.next_of(frames.CHUNK)
        other = await self.greeted()
        other.send(frames.END_STREAM, 4, {"stream": "stream-of-others", "slot": SLOT + 1})
        self.assertEqual((await other.next())[:2], (frames.NACK, 4))
        other.send(frames.END_STREAM, 5, {"stream": "stream-1", "slot": SLOT + 1})
        self.assertEqual(await other.next(), (frames.RESPONSE, 5, {"result": None}))
        error = (await self.client.next_of(frames.ERROR))[2]["error"]
        self.assertEqual(error["error_type"], "DirtyCancelledError")
        self.assertEqual(await self.forgotten(), {"stream": "stream-1", "slot": SLOT + 1})

    async def test_a_reader_is_told_what_it_needs_to_have_it_continued(self):
        self.begin(1, "counts", 6, emitted=[0, 1, 2])
        self.assertEqual(await self.read(self.client, 1), ([3, 4, 5], frames.END, None))
        other = await self.greeted()
        self.attach(other, 1, 1, 4, prefix=True)
        told = (await other.next())[2]
        self.assertEqual((told["continues"], told["args"], told["emitted"]), (True, [6], [0, 1, 2, 3]))
        self.assertEqual(await self.read(other, 1), ([4, 5], frames.END, None))
        # One that is ahead, of a worker that died, gets what comes behind what it has.
        self.attach(other, 2, 1, 9)
        self.assertEqual(await self.read(other, 2), ([], frames.END, None))

    async def test_a_slot_that_is_taken_back_ends_the_run_and_its_readers_ask_again(self):
        self.begin(1, "waits")
        await self.client.next_of(frames.CHUNK)
        self.arbiter.send(frames.REVOKE, 0, {"slot": SLOT + 1, "cancel": True})
        self.assertEqual((await self.client.next())[:2], (frames.NACK, 1))
        self.assertEqual(await self.forgotten(), {"stream": "stream-1", "slot": SLOT + 1, "gone": True})

    async def test_the_dirty_arbiter_may_make_a_run_itself_and_a_new_one_is_told_what_is_kept(self):
        message = {"slot": SLOT + 1, "app": NAME, "action": "count", "args": [3], "ms_left": 60_000, "request_id": "r"}
        self.arbiter.send(frames.RUN, 0, {**message, "stream": "stream-1"})
        self.attach(self.client, 1, 1)
        self.assertEqual(await self.read(self.client, 1), ([0, 1, 2], frames.END, None))
        self.worker.retire([])
        ready = (await self.arbiter.next_of(frames.READY))[2]
        self.assertEqual((ready["apps"], ready["streams"]), ([], [{"stream": "stream-1", "slot": SLOT + 1}]))

    async def test_a_worker_that_drains_waits_for_readers_that_may_come_back(self):
        self.begin(1, "count", 3)
        self.client.send(frames.CANCEL, 1)
        await self.arbiter.next_of(frames.FREE)
        draining = asyncio.ensure_future(self.worker.drain(5, True))
        other = await self.greeted()
        self.attach(other, 2, 1)
        self.assertEqual((await self.read(other, 2))[1], frames.END)
        # Its grace is over, and nobody else came.
        await asyncio.wait_for(draining, 3)

    async def test_what_it_keeps_is_gone_when_it_stops(self):
        self.begin(1, "waits")
        await self.client.next_of(frames.CHUNK)
        closing = asyncio.ensure_future(self.worker.close(1))
        self.assertEqual((await self.client.next())[:2], (frames.NACK, 1))
        self.assertEqual((await self.forgotten())["gone"], True)
        await closing


class Kept(unittest.TestCase):
    def test_chunks_are_found_by_their_numbers_however_many_are_given_up(self):
        buffer = ReplayBuffer()
        for number in range(1000):
            buffer.append(b"%d" % number)
            if number % 7 == 0:
                buffer.trim(100 * 44)
            self.assertLess(buffer.bytes, 108 * 44)
            self.assertEqual(buffer.end, number + 1)
            self.assertEqual(buffer.at(number), b"%d" % number)
            self.assertEqual(buffer.at(buffer.first), b"%d" % buffer.first)
            self.assertIsNone(buffer.at(buffer.first - 1))
            self.assertIsNone(buffer.at(buffer.end))
        buffer.trim(0)
        self.assertEqual((buffer.bytes, buffer.first, buffer.end), (0, 1000, 1000))


if __name__ == "__main__":
    unittest.main()
