/** Resumable streams in a dirty worker: what readers get of them, what is kept, and when it is given up. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MSG } from "../../src/protocol/messages.ts";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { STREAM_MSG } from "../../src/protocol/stream-messages.ts";
import { WINDOW } from "../../src/protocol/window.ts";
import type { WorkerClient } from "./client.ts";
import { describeWorkers } from "./kinds.ts";
import { WorkerUnderTest } from "./worker.ts";

const KIB = 1024;
/** With a text of this length a CHUNK has 32 KiB, its header included. */
const IN_32_KIB = 32 * KIB - 35;
const WINDOWFUL = WINDOW / (32 * KIB);

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, at) => from + at);

describeWorkers((kind) => {
  let worker: WorkerUnderTest;
  let client: WorkerClient;

  beforeAll(async () => {
    if (kind.missing === undefined) worker = await WorkerUnderTest.open(kind);
  });

  beforeEach(async () => {
    client = await worker.client();
  });

  afterEach(async () => {
    await worker?.idle();
  });

  afterAll(async () => {
    await worker?.close();
  });

  describe("gives a reader that attaches", () => {
    test.for(["counts", "countsLater"])(
      "all of a stream that has ended, from any place on (%s)",
      async (action) => {
        const counts = client.begin(action, [50]);
        const first = await client.over(counts.id);
        expect(first).toMatchObject({ type: MSG.END, chunks: range(0, 50) });
        // One that is ahead, of a worker that died, gets what comes behind what it has.
        for (const after of [0, 7, 50, 60]) {
          const id = client.attach(counts, after);
          const { types, chunks } = await client.over(id);
          expect([types[0], types.at(-1)]).toEqual([STREAM_MSG.ATTACHED, MSG.END]);
          expect(chunks).toEqual(range(Math.min(after, 50), 50));
        }
      },
    );

    test("an error and a result too", async () => {
      const fails = client.begin("failsMidway", ["the model broke"]);
      const result = client.begin("echo", [1, 2]);
      await client.over(fails.id);
      await client.over(result.id);
      const error = await client.over(client.attach(fails));
      expect(error).toMatchObject({
        type: MSG.ERROR,
        chunks: ["a", "b"],
        error: { message: "the model broke" },
      });
      expect(await client.over(client.attach(result))).toMatchObject({ type: MSG.RESPONSE, result: [1, 2] });
    });

    test("what the run was called with where it can be continued, and only then", async () => {
      const counts = client.begin("counts", [3], { kwargs: {}, requestId: "r-9" });
      await client.over(counts.id);
      const whole = client.attach(counts, 2, true);
      const told = { app: worker.app, action: "counts", request_id: "r-9" };
      const called = { args: [3], kwargs: {}, continues: true };
      expect(await client.attached(whole)).toEqual({ ...told, ...called, emitted: [0, 1] });
      expect((await client.over(whole)).chunks).toEqual([2]);
      expect(await client.attached(client.attach(counts, 1))).toEqual({ ...told, ...called });
      const waits = client.begin("waits", ["a"]);
      await client.has(waits.id, 1);
      const other = await client.attached(client.attach(waits, 0, true));
      expect(other).toEqual({
        ...{ ...told, action: "waits", request_id: "r" },
        ...{ args: [], continues: false, ms_left: expect.any(Number) },
      });
      expect(other["ms_left"]).toBeLessThanOrEqual(60_000);
    });

    test("arguments that were left out as they were", async () => {
      const letters = client.begin("letters", [1, 3, undefined, "x"]);
      await client.over(letters.id);
      const { args } = await client.attached(client.attach(letters));
      expect(args).toEqual([1, 3, undefined, "x"]);
    });

    test("what an earlier worker delivered too", async () => {
      const counts = client.begin("counts", [6], { emitted: [0, 1, 2] });
      expect((await client.over(counts.id)).chunks).toEqual([3, 4, 5]);
      const id = client.attach(counts, 1, true);
      expect(await client.attached(id)).toMatchObject({ continues: true, emitted: [0] });
      expect((await client.over(id)).chunks).toEqual(range(1, 6));
    });

    test("ahead of the stream, which it would have continued, also what is made until then", async () => {
      const letters = client.begin("letters", [20, IN_32_KIB]);
      await client.has(letters.id, WINDOWFUL);
      const id = client.attach(letters, 15, true);
      const { emitted, continues } = await client.attached(id);
      expect(continues).toBe(true);
      const { chunks } = await client.readAll(id, 32 * KIB);
      expect([...(emitted as string[]), ...chunks].map(Number)).toEqual(range(0, 20));
    });

    test("the chunks of a run that is still on its way, once it is here", async () => {
      const other = await worker.client();
      const early = { slot: worker.newSlot(), stream: createStreamId() };
      const id = other.attach(early);
      const left = other.attach(early);
      other.cancel(left);
      await other.heard();
      client.peer.send([
        MSG.RUN,
        99,
        { ...client.message("counts", { args: [3], slot: early.slot }), stream: early.stream },
      ]);
      expect((await other.over(id)).chunks).toEqual([0, 1, 2]);
      await other.heard();
      expect(other.types(left)).toEqual([]);
    });

    test("NACK where it has no such stream: none comes, it has another name, it was forgotten", async () => {
      const counts = client.begin("counts", [3]);
      await client.over(counts.id);
      const never = client.attach({ slot: worker.newSlot(), stream: createStreamId() });
      const wrong = client.attach({ ...counts, stream: createStreamId() });
      expect((await client.over(wrong)).types).toEqual([MSG.NACK]);
      expect((await client.endStream({ ...counts, stream: createStreamId() })).types).toEqual([MSG.NACK]);
      await client.endStream(counts);
      expect((await client.over(client.attach(counts))).types).toEqual([MSG.NACK]);
      expect((await client.over(never)).types).toEqual([MSG.NACK]);
    });

    test("an error where the stream has 64 of them, until one leaves", async () => {
      const waits = client.begin("waits", ["a"]);
      await client.has(waits.id, 1);
      const ids = Array.from({ length: 63 }, () => client.attach(waits));
      for (const id of ids) await client.has(id, 1);
      const { error } = await client.over(client.attach(waits));
      expect(error).toMatchObject({ error_type: "DirtyQueueFullError", details: { retry_after: 1 } });
      client.cancel(ids[0] ?? 0);
      await client.has(client.attach(waits), 1);
    });

    test("not the whole to continue it where much waits for its client already, and yet the chunks", async () => {
      const letters = client.begin("letters", [3, KIB * KIB]);
      client.cancel(letters.id);
      await worker.frees(letters.slot);
      const other = await worker.client();
      other.peer.pause();
      const ids = Array.from({ length: 8 }, () => other.attach(letters, 3, true));
      // What comes behind those has been handled.
      await worker.frees(other.run("echo", { app: "missing:App" }).slot);
      other.peer.resume();
      const whole: unknown[] = [];
      for (const id of ids) {
        whole.push((await other.attached(id))["continues"]);
        expect((await other.over(id)).type).toBe(MSG.END);
      }
      expect(whole.slice(0, 4)).toEqual([true, true, true, true]);
      expect(whole.at(-1)).toBe(false);
    });
  });

  test("lets a run go on without a reader, for one that comes back", async () => {
    const waits = client.begin("waits", ["a"]);
    await client.has(waits.id, 1);
    client.peer.destroy();
    const other = await worker.client();
    await other.heard();
    await other.has(other.attach(waits), 1);
    expect(worker.freesOf(waits.slot)).toEqual([]);
    expect(worker.notes).toEqual([]);
  });

  describe("holds a run", () => {
    test("while its only reader is a window behind; others are served, and it goes on when that leaves", async () => {
      const large = client.begin("large", [50, IN_32_KIB]);
      await client.has(large.id, WINDOWFUL);
      for (let round = 0; round < 3; round++) await client.outcome("echoLater");
      expect(client.chunks(large.id)).toHaveLength(WINDOWFUL);
      expect(worker.freesOf(large.slot)).toEqual([]);
      client.cancel(large.id);
      await worker.frees(large.slot);
    });

    test("for no reader that is slower than another", async () => {
      const large = client.begin("large", [50, IN_32_KIB]);
      const other = await worker.client();
      const fast = other.attach(large);
      expect((await other.readAll(fast, 32 * KIB)).chunks.map(Number)).toEqual(range(0, 50));
      await client.has(large.id, WINDOWFUL);
      expect(client.chunks(large.id)).toHaveLength(WINDOWFUL);
      const { types } = await client.readAll(large.id, 32 * KIB);
      expect(types.filter((type) => type === MSG.CHUNK)).toHaveLength(50);
      await client.heard();
      expect(types.at(-1)).toBe(MSG.END);
    });
  });

  describe("keeps", () => {
    test("4 MiB of a stream: its beginning goes first, and a reader that is too slow falls out", async () => {
      const large = client.begin("large", [200, IN_32_KIB]);
      const other = await worker.client();
      const fast = other.attach(large);
      expect((await other.readAll(fast, 32 * KIB)).chunks).toHaveLength(200);
      const slow = await client.readAll(large.id, 32 * KIB);
      expect(slow.error.error_type).toBe("DirtyStreamGoneError");
      expect(slow.chunks).toHaveLength(WINDOWFUL);
      for (const after of [0, 200 - 129]) {
        const { types, error } = await client.over(client.attach(large, after));
        expect(types).toEqual([MSG.ERROR]);
        expect(error.error_type).toBe("DirtyStreamGoneError");
      }
      const late = client.attach(large, 200 - 120);
      expect((await client.readAll(late, 32 * KIB)).chunks.map(Number)).toEqual(range(80, 200));
    });

    test("no result that is too large, but its caller gets it", async () => {
      const result = client.begin("result", [5 * KIB * KIB]);
      expect((await client.over(result.id)).result).toHaveLength(5 * KIB * KIB);
      const late = await client.over(client.attach(result));
      expect(late.error.error_type).toBe("DirtyStreamGoneError");
    });

    test("nothing of what was ended by its name; its readers are told, and its run is aborted", async () => {
      const waits = client.begin("waits", ["a"]);
      const other = await worker.client();
      const id = other.attach(waits);
      await other.has(id, 1);
      await client.has(waits.id, 1);
      expect(await other.endStream(waits)).toMatchObject({ types: [MSG.RESPONSE], result: null });
      expect((await client.over(waits.id)).error.error_type).toBe("DirtyCancelledError");
      expect((await other.over(id)).error.error_type).toBe("DirtyCancelledError");
      expect(await worker.forgets(waits.stream)).toEqual({ stream: waits.stream, slot: waits.slot });
      await worker.frees(waits.slot);
      expect(worker.notes).toEqual(["a settled"]);
    });
  });

  describe("with a dirty arbiter that", () => {
    test("makes a run itself, has it ready for who comes", async () => {
      const [slot, stream] = [worker.newSlot(), createStreamId()];
      worker.arbiter.send([MSG.RUN, 0, { ...client.message("counts", { args: [3], slot }), stream }]);
      expect((await client.over(client.attach({ slot, stream }))).chunks).toEqual([0, 1, 2]);
      await worker.frees(slot);
      expect(worker.freesOf(slot)).toEqual([{ slot }]);
    });

    test("takes a slot back, aborts the run, and tells its readers to ask again", async () => {
      const waits = client.begin("waits", ["a"]);
      const other = await worker.client();
      const id = other.attach(waits);
      await other.has(id, 1);
      worker.revoke(waits.slot, true);
      expect((await client.over(waits.id)).type).toBe(MSG.NACK);
      expect((await other.over(id)).type).toBe(MSG.NACK);
      expect(await worker.forgets(waits.stream)).toEqual({
        stream: waits.stream,
        slot: waits.slot,
        gone: true,
      });
    });

    test("is new, tells it what runs and what is kept", async () => {
      const waits = client.begin("waits", ["a"]);
      const counts = client.begin("counts", [3]);
      await client.has(waits.id, 1);
      await client.over(counts.id);
      await worker.newArbiter();
      const kept = [waits, counts].map(({ stream, slot }) => ({ stream, slot }));
      expect(worker.ready["streams"]).toEqual(expect.arrayContaining(kept));
      expect(worker.ready["running"]).toMatchObject([{ slot: waits.slot }]);
    });
  });
});

describeWorkers((kind) => {
  let worker: WorkerUnderTest;

  beforeAll(async () => {
    if (kind.missing === undefined) worker = await WorkerUnderTest.open(kind, { grace: 0.3 });
  });

  afterAll(async () => {
    await worker?.close();
  });

  describe("that no reader comes back to within the grace", () => {
    test("aborts the run, and forgets the stream", async () => {
      const client = await worker.client();
      const waits = client.begin("waits", ["left"]);
      await client.has(waits.id, 1);
      client.peer.destroy();
      await worker.frees(waits.slot);
      expect(await worker.forgets(waits.stream)).toEqual({ stream: waits.stream, slot: waits.slot });
      expect(worker.notes).toContain("left settled");
      const other = await worker.client();
      expect((await other.over(other.attach(waits))).types).toEqual([MSG.NACK]);
    });

    test("aborts a run that the dirty arbiter has made, too", async () => {
      const client = await worker.client();
      const [slot, stream] = [worker.newSlot(), createStreamId()];
      worker.arbiter.send([MSG.RUN, 0, { ...client.message("waits", { args: ["alone"], slot }), stream }]);
      await worker.frees(slot);
      expect(await worker.forgets(stream)).toEqual({ stream, slot });
    });

    test("keeps a stream that has ended", async () => {
      const client = await worker.client();
      const counts = client.begin("counts", [3]);
      await client.over(counts.id);
      // Its grace ends behind that of the other.
      const waits = client.begin("waits", ["later"]);
      client.cancel(waits.id);
      await worker.forgets(waits.stream);
      expect(worker.forgotten(counts.stream)).toEqual([]);
      expect((await client.over(client.attach(counts))).chunks).toEqual([0, 1, 2]);
    });
  });
});
