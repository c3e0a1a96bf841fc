"""The rules of slots and of runs, with a dirty arbiter and clients that the tests play."""

import asyncio
import unittest

from played import NAME, SLOT, TOKEN, PlayedWorker
from tsunicorn import frames, tlv


class Worker(PlayedWorker):
    async def test_it_registers_with_its_app(self):
        self.assertEqual(self.ready["apps"], [{"app": NAME, "concurrency": 2, "continues": [], "actions": ["add", "count", "defaults", "emits", "waits"]}])
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

    async def test_an_argument_that_was_left_out_is_the_default_of_its_parameter(self):
        left_out = tlv.UNDEFINED
        for number, (args, result) in enumerate(
            (
                ((1,), [1, 2, 3]),
                ((1, left_out), [1, 2, 3]),
                ((1, left_out, 5), [1, 2, 5]),
                ((1, 4, left_out), [1, 4, 3]),
                ((1, None, left_out), [1, None, 3]),
                ((left_out,), [None, 2, 3]),
                ((1, [left_out]), [1, [None], 3]),
            )
        ):
            self.run_action(10 + number, "defaults", *args)
            self.assertEqual((await self.client.next_of(frames.RESPONSE))[2], {"result": result})

    async def test_emitted_reaches_the_action(self):
        self.run_action(1, "emits", emitted=["a", "b"])
        chunks = [(await self.client.next_of(frames.CHUNK))[2]["data"] for _ in range(3)]
        self.assertEqual(chunks, ["a", "b", "r1"])

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
