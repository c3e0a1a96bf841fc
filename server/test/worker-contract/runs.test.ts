/** One run in a dirty worker: what an action may be, what crosses, its window, its time, and how it ends. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MSG } from "../../src/protocol/messages.ts";
import { WINDOW } from "../../src/protocol/window.ts";
import type { WorkerClient } from "./client.ts";
import { describeWorkers } from "./kinds.ts";
import { WorkerUnderTest } from "./worker.ts";

/** With a text of this length a CHUNK has 1 KiB, its header included. */
const IN_1_KIB = 1024 - 35;
/** How many of them are a window. */
const WINDOWFUL = WINDOW / 1024;

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

  describe("runs an action", () => {
    test.for(["echo", "echoLater"])("that gives a result (%s)", async (action) => {
      const outcome = await client.outcome(action, { args: [1, "two", [3]] });
      expect(outcome).toMatchObject({ types: [MSG.STARTED, MSG.RESPONSE], result: [1, "two", [3]] });
    });

    test.for(["counts", "countsLater"])("that streams (%s)", async (action) => {
      const { types, chunks } = await client.outcome(action, { args: [3] });
      expect(types).toEqual([MSG.STARTED, MSG.CHUNK, MSG.CHUNK, MSG.CHUNK, MSG.END]);
      expect(chunks).toEqual([0, 1, 2]);
    });

    test("that streams nothing", async () => {
      expect((await client.outcome("counts", { args: [0] })).types).toEqual([MSG.STARTED, MSG.END]);
    });

    test("with keyword arguments behind the others, and without where there are not any", async () => {
      const some = await client.outcome("echo", { args: [1], kwargs: { temperature: 2 } });
      expect(some.result).toEqual([1, { temperature: 2 }]);
      expect((await client.outcome("echo", { args: [1], kwargs: {} })).result).toEqual([1]);
    });

    test("with its parameters' defaults for arguments that were left out", async () => {
      const results: [unknown[], unknown[]][] = [
        [[1], [1, 2, 3]],
        [
          [1, undefined, 5],
          [1, 2, 5],
        ],
        [
          [1, null, undefined],
          [1, null, 3],
        ],
      ];
      for (const [args, result] of results)
        expect((await client.outcome("defaults", { args })).result).toEqual(result);
    });

    test("that sees what was emitted before, and its request's id", async () => {
      const { chunks } = await client.outcome("emits", {
        emitted: ["a", { b: [1] }, null],
        requestId: "r-1",
      });
      expect(chunks).toEqual(["a", { b: [1] }, null, "r-1"]);
      expect((await client.outcome("emits", { requestId: "r-2" })).chunks).toEqual(["r-2"]);
    });

    test("of many at once, each its own", async () => {
      const runs = Array.from({ length: 8 }, (_, at) => client.run("countsLater", { args: [10 + at] }));
      for (const [at, { id }] of runs.entries()) {
        const { type, chunks } = await client.over(id);
        expect(type).toBe(MSG.END);
        expect(chunks).toEqual(Array.from({ length: 10 + at }, (_, n) => n));
      }
    });
  });

  describe("says to the caller", () => {
    test("that there is no such action, or that it may not be called", async () => {
      for (const action of ["missing", "_hidden", "init", "close", "constructor", "__init__", "__proto__"]) {
        const { types, error } = await client.outcome(action);
        expect(types).toEqual([MSG.STARTED, MSG.ERROR]);
        expect(error.error_type).toBe("DirtyAppNotFoundError");
      }
    });

    test("an error of the app, with its message, class and place, and without its stack", async () => {
      const { types, error } = await client.outcome("fails", { args: ["no such token"] });
      expect(types).toEqual([MSG.STARTED, MSG.ERROR]);
      const details = { app_path: worker.app, action: "fails", error_class: "TypeError" };
      expect(error).toEqual({ error_type: "DirtyAppError", message: "no such token", details });
    });

    test("an error of a dirty type, with its details", async () => {
      const { error } = await client.outcome("failsTyped");
      const details = { app_path: worker.app, action: "failsTyped", n: 1 };
      expect(error).toEqual({ error_type: "DirtyError", message: "mine", details });
    });

    test("an error behind the chunks that came before it", async () => {
      const { types, chunks, error } = await client.outcome("failsMidway", { args: ["half way"] });
      expect(types).toEqual([MSG.STARTED, MSG.CHUNK, MSG.CHUNK, MSG.ERROR]);
      expect(chunks).toEqual(["a", "b"]);
      expect(error).toMatchObject({ error_type: "DirtyAppError", message: "half way" });
    });

    test("that a result cannot cross, and where in it", async () => {
      const { types, error } = await client.outcome("unsendable");
      expect(types).toEqual([MSG.STARTED, MSG.ERROR]);
      expect(error).toMatchObject({ error_type: "DirtyProtocolError", details: { path: "rows[0]" } });
    });

    test("that a chunk cannot cross, behind those that could", async () => {
      const { types, chunks, error } = await client.outcome("yieldsUnsendable");
      expect(types).toEqual([MSG.STARTED, MSG.CHUNK, MSG.ERROR]);
      expect(chunks).toEqual(["good"]);
      expect(error.error_type).toBe("DirtyProtocolError");
    });
  });

  describe("ends a run that is cancelled, frees its slot, and says nothing more of it:", () => {
    test.for(["hold", "holdLater", "thinks", "ticks", "floods"])("%s", async (action) => {
      const { id, slot } = client.run(action, { args: [action, IN_1_KIB] });
      await worker.noted(`${action} began`);
      const streams = action === "ticks" || action === "floods";
      if (streams) await client.has(id, 3);
      client.cancel(id);
      await worker.frees(slot);
      expect(worker.notes).toEqual([`${action} began`, `${action} settled`]);
      await client.heard();
      const types = new Set(client.types(id));
      expect(types).toEqual(new Set(streams ? [MSG.STARTED, MSG.CHUNK] : [MSG.STARTED]));
      client.cancel(id);
      await worker.heard();
      expect(worker.freesOf(slot)).toEqual([{ slot }]);
    });

    test("and takes no notice of CANCEL and CREDIT for what has ended, or never was", async () => {
      const { id } = client.run("echo");
      await client.over(id);
      for (const one of [id, 9999]) {
        client.cancel(one);
        client.grant(one, 1000);
      }
      await client.heard();
      expect(client.types(id)).toEqual([MSG.STARTED, MSG.RESPONSE]);
      expect(client.peer.closed).toBe(false);
    });
  });

  describe("past its time", () => {
    test("a run is ended with the error of that, and its slot is free", async () => {
      for (const action of ["hold", "holdLater", "thinks"]) {
        const { id, slot } = client.run(action, { args: [action], ms: 100 });
        const { types, error } = await client.over(id);
        expect(types).toEqual([MSG.STARTED, MSG.ERROR]);
        expect(error).toMatchObject({ error_type: "DirtyTimeoutError", details: { timeout: 0.1 } });
        await worker.frees(slot);
      }
    });

    test("one whose code does not end keeps its slot until it does, and says nothing more", async () => {
      const { id, slot } = client.run("deaf", { args: ["late"], ms: 50 });
      expect((await client.over(id)).error.error_type).toBe("DirtyTimeoutError");
      await worker.heard();
      expect(worker.freesOf(slot)).toEqual([]);
      worker.openGate("late");
      await worker.frees(slot);
      await client.heard();
      expect(client.types(id)).toEqual([MSG.STARTED, MSG.ERROR]);
    });

    test("a stream is cut with the error behind its chunks", async () => {
      const { id, slot } = client.run("ticks", { args: ["cut"], ms: 300 });
      const { chunks, types, error } = await client.over(id);
      expect(error.error_type).toBe("DirtyTimeoutError");
      expect(chunks).toEqual(Array.from(chunks, (_, n) => n));
      await worker.frees(slot);
      await client.heard();
      expect(client.types(id)).toEqual(types);
    });
  });

  describe("lets a stream send ahead of its reader", () => {
    /** How many chunks have come when the stream does not go on by itself. */
    async function standsAt(id: number, chunks: number): Promise<void> {
      await client.has(id, chunks);
      // Others are served meanwhile.
      for (let round = 0; round < 3; round++) {
        expect((await client.outcome("echoLater", { args: [round] })).result).toEqual([round]);
      }
      expect(client.chunks(id)).toEqual(Array.from({ length: chunks }, (_, n) => text(n)));
    }

    const text = (n: number): string => String(n).padStart(IN_1_KIB);

    test("a window, then as much as that takes on, and no more", async () => {
      const { id, slot } = client.run("floods", { args: ["a", IN_1_KIB] });
      await standsAt(id, WINDOWFUL);
      client.grant(id, WINDOW / 2);
      await standsAt(id, WINDOWFUL * 1.5);
      client.cancel(id);
      await worker.frees(slot);
      expect(worker.notes).toEqual(["a began", "a settled"]);
    });

    test("no more than a window, however much was granted before it was used", async () => {
      const { id } = client.run("gated", { args: ["hoard", IN_1_KIB] });
      await client.has(id, 1);
      for (let count = 0; count < 10; count++) client.grant(id, WINDOW);
      await client.heard();
      worker.openGate("hoard");
      await client.has(id, 1 + WINDOWFUL);
      for (let round = 0; round < 3; round++) await client.outcome("echoLater");
      expect(client.chunks(id)).toHaveLength(1 + WINDOWFUL);
    });

    test("also a chunk that is larger than the window, and goes on when that was taken", async () => {
      const { id } = client.run("large", { args: [2, 3 * WINDOW] });
      await client.has(id, 1);
      await client.heard();
      expect(client.chunks(id)).toHaveLength(1);
      client.grant(id, 3 * WINDOW + 35);
      await client.has(id, 2);
    });
  });

  describe("lets its app use the stash:", () => {
    test("it puts, gets, and gets its default, over a connection of its own to the dirty arbiter", async () => {
      const { id } = client.run("putAndGet", { args: ["sessions", "anna", { seen: [1] }] });
      const stash = await worker.peerOf("stash");
      expect(stash.frames[0]?.dict).toMatchObject({ role: "stash", client: expect.any(String) });
      stash.send([MSG.WELCOME, 0, { epoch: worker.epoch }]);
      const put = await stash.next(MSG.STASH);
      expect(put.dict).toEqual({ op: 1, table: "sessions", key: "anna", value: { seen: [1] }, answered: 0 });
      // The dirty arbiter dies before it answers; its successor is asked again, by the same client.
      stash.destroy();
      const next = await worker.peerOf("stash");
      expect(next.frames[0]?.dict).toEqual(stash.frames[0]?.dict);
      next.send([MSG.WELCOME, 0, { epoch: worker.epoch }]);
      const again = await next.next(MSG.STASH);
      expect(again).toMatchObject({ id: put.id, dict: put.dict });
      next.send([MSG.RESPONSE, again.id, { result: true }]);
      const get = await next.next(MSG.STASH);
      expect(get.dict).toEqual({ op: 2, table: "sessions", key: "anna", answered: put.id });
      next.send([MSG.RESPONSE, get.id, { result: { seen: [1, 2] } }]);
      const missing = await next.next(MSG.STASH);
      const error = { error_type: "StashKeyNotFoundError", message: "none", details: {} };
      next.send([MSG.ERROR, missing.id, { error }]);
      expect((await client.over(id)).result).toEqual([{ seen: [1, 2] }, "the default"]);
    });
  });

  if (kind.calls) {
    test("lets its app call another, as a client of the dirty arbiter and of that one's worker", async () => {
      const { id } = client.run("calls", { args: ["other:App", "add", 1, 2] });
      const asking = await worker.peerOf("app");
      asking.send([MSG.WELCOME, 0, { epoch: worker.epoch }]);
      const place = await asking.next(MSG.PLACE);
      expect(place.dict).toMatchObject({ app: "other:App", action: "add" });
      const error = { error_type: "DirtyQueueFullError", message: "full", details: { retry_after: 1 } };
      asking.send([MSG.ERROR, place.id, { error }]);
      expect((await client.over(id)).error).toMatchObject({ error_type: "DirtyQueueFullError" });
    });
  }
});
