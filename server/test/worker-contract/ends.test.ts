/** How a dirty worker ends: what it waits for, what it gives up, and what is heard of that. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { MSG } from "../../src/protocol/messages.ts";
import { until } from "../dirty/wire-peer.ts";
import type { Asked, AskedStream, WorkerClient } from "./client.ts";
import { describeWorkers } from "./kinds.ts";
import { WorkerUnderTest } from "./worker.ts";

/** With a text of this length a CHUNK has 32 KiB, its header included. */
const IN_32_KIB = 32 * 1024 - 35;

/** Waits until a worker has said that it takes nothing new. */
async function takesNothing(worker: WorkerUnderTest): Promise<void> {
  await until(
    () => "it takes nothing new",
    () => (worker.ready["apps"] as unknown[]).length === 0,
  );
}

describeWorkers((kind) => {
  let worker: WorkerUnderTest | undefined;

  afterEach(async () => {
    await worker?.close();
  });

  /** A worker of the test's own. */
  async function open(): Promise<[WorkerUnderTest, WorkerClient]> {
    worker = await WorkerUnderTest.open(kind);
    return [worker, await worker.client()];
  }

  test("asked to stop gracefully takes nothing new, and waits for runs, and for readers that are behind", async () => {
    const [worker, client] = await open();
    // Other dirty workers, whose apps may call the one here, stay connected and hold up nothing.
    const colleague = await worker.client("app");
    await colleague.over(colleague.begin("counts", [3]).id);
    const large = client.begin("large", [50, IN_32_KIB]);
    const fast = colleague.attach(large);
    await colleague.readAll(fast, 32 * 1024);
    const ends = client.run("endsLater", { args: ["a"] });
    await client.has(ends.id, 1);
    worker.stop(true);
    await takesNothing(worker);
    expect(worker.ready["running"]).toMatchObject([{ slot: ends.slot }]);
    const refused = client.run("echo");
    expect((await client.over(refused.id)).types).toEqual([MSG.NACK]);
    await worker.frees(refused.slot);
    expect(worker.freesOf(refused.slot)).toEqual([{ slot: refused.slot, unused: true }]);
    worker.openGate("a");
    expect(await client.over(ends.id)).toMatchObject({ type: MSG.END, chunks: ["here", "there"] });
    await worker.frees(ends.slot);
    expect((await worker.report())["running"]).toBe(0);
    expect(await client.readAll(large.id, 32 * 1024)).toMatchObject({ type: MSG.END });
    expect(client.chunks(large.id)).toHaveLength(50);
    client.peer.destroy();
    expect(await worker.exited()).toBe(0);
    expect(worker.freesOf(ends.slot)).toEqual([{ slot: ends.slot }]);
  });

  describe("that lingers", () => {
    test("waits for readers that may come back, until one has had the end", async () => {
      const [worker, client] = await open();
      const ends = client.begin("endsLater", ["a"]);
      await client.has(ends.id, 1);
      worker.stop(true, true);
      await takesNothing(worker);
      client.peer.destroy();
      worker.openGate("a");
      await worker.frees(ends.slot);
      const back = await worker.client();
      expect(await back.over(back.attach(ends, 1))).toMatchObject({ type: MSG.END, chunks: ["there"] });
      back.peer.destroy();
      expect(await worker.exited()).toBe(0);
    });

    test("waits for none of them any more, once the server stops", async () => {
      const [worker, client] = await open();
      const ends = client.begin("endsLater", ["a"]);
      await client.has(ends.id, 1);
      worker.stop(true, true);
      client.peer.destroy();
      worker.openGate("a");
      await worker.frees(ends.slot);
      expect((await worker.report())["running"]).toBe(0);
      worker.stop(true);
      expect(await worker.exited()).toBe(0);
      expect(worker.forgotten(ends.stream)).toEqual([{ stream: ends.stream, slot: ends.slot, gone: true }]);
    });
  });

  test("asked to stop at once gives its runs up, also where it drained already", async () => {
    const [worker, client] = await open();
    const { id } = client.run("hold", { args: ["a"] });
    await worker.noted("a began");
    worker.stop(true);
    await takesNothing(worker);
    expect(client.types(id)).toEqual([MSG.STARTED]);
    worker.stop(false);
    expect(await worker.exited()).toBe(0);
    expect(worker.notes).toEqual(["a began", "a settled"]);
  });

  test("whose arbiter is gone serves until its clients have left, then ends", async () => {
    const [worker, client] = await open();
    const { id } = client.run("endsLater", { args: ["a"] });
    await client.has(id, 1);
    worker.process.process.disconnect();
    expect((await client.outcome("echo")).type).toBe(MSG.RESPONSE);
    worker.openGate("a");
    expect(await client.over(id)).toMatchObject({ type: MSG.END });
    client.peer.destroy();
    expect(await worker.exited()).toBe(0);
  });
});

describeWorkers((kind) => {
  describe("whose graceful time has run out", () => {
    let worker: WorkerUnderTest;
    let client: WorkerClient;
    let plain: Asked;
    let deaf: Asked;
    let streams: Asked[];
    let waits: AskedStream;
    let ended: AskedStream;
    let cancelled: AskedStream;

    beforeAll(async () => {
      if (kind.missing !== undefined) return;
      worker = await WorkerUnderTest.open(kind, { gracefulTimeout: 0.3, abortGrace: 0.3 });
      client = await worker.client();
      plain = client.run("hold", { args: ["plain"] });
      deaf = client.run("deaf", { args: ["deaf"] });
      streams = [client.run("ticks", { args: ["ticks"] }), client.run("letters", { args: [100, IN_32_KIB] })];
      waits = client.begin("waits", ["waits"]);
      ended = client.begin("counts", [3]);
      cancelled = client.begin("counts", [3]);
      for (const name of ["plain", "deaf"]) await worker.noted(`${name} began`);
      for (const { id } of [...streams, waits]) await client.has(id, 1);
      for (const { id } of [ended, cancelled]) await client.over(id);
      await client.endStream(cancelled);
      worker.stop(true);
      await client.peer.end();
      await worker.arbiter.end();
    });

    afterAll(async () => {
      await worker?.close();
    });

    test("gives its runs up without an answer, so that they can be continued elsewhere", () => {
      expect(client.types(plain.id)).toEqual([MSG.STARTED]);
      for (const { id } of streams)
        expect(new Set(client.types(id))).toEqual(new Set([MSG.STARTED, MSG.CHUNK]));
      expect(worker.notes).toEqual(expect.arrayContaining(["plain settled", "ticks settled"]));
      for (const { slot } of [plain, ...streams]) expect(worker.freesOf(slot)).toEqual([{ slot }]);
    });

    test("waits for code that hears of no abort no longer than the grace of that", () => {
      expect(client.types(deaf.id)).toEqual([MSG.STARTED]);
      expect(worker.freesOf(deaf.slot)).toEqual([]);
    });

    test("tells readers of its streams to ask again, and the dirty arbiter that those are gone", () => {
      expect(client.types(waits.id)).toEqual([MSG.STARTED, MSG.CHUNK, MSG.NACK]);
      for (const { stream, slot } of [waits, ended])
        expect(worker.forgotten(stream)).toEqual([{ stream, slot, gone: true }]);
      const { stream, slot } = cancelled;
      expect(worker.forgotten(stream)).toEqual([{ stream, slot }]);
    });
  });

  describe("that goes on", () => {
    let worker: WorkerUnderTest;

    beforeAll(async () => {
      if (kind.missing === undefined) worker = await WorkerUnderTest.open(kind, { maxRequests: 2 });
    });

    afterAll(async () => {
      await worker?.close();
    });

    test("counts its runs, and tells the arbiter once it has served as many as it may", async () => {
      const client = await worker.client();
      const held = client.run("hold", { args: ["a"] });
      await client.started(held.id);
      await client.outcome("echo");
      expect(await worker.report()).toMatchObject({ runs: 2, running: 1 });
      expect(worker.process.said.map(({ type }) => type)).not.toContain("wornOut");
      client.cancel(held.id);
      await worker.process.says("wornOut");
    });

    test("and is retired takes nothing new for apps that others serve, and goes on with what it has", async () => {
      const client = await worker.client();
      const { id, slot } = client.run("endsLater", { args: ["a"] });
      await client.has(id, 1);
      worker.process.tell({ type: "retire", keep: [] });
      await takesNothing(worker);
      expect(worker.ready["running"]).toMatchObject([{ slot }]);
      expect((await client.outcome("echo")).types).toEqual([MSG.NACK]);
      worker.openGate("a");
      expect(await client.over(id)).toMatchObject({ type: MSG.END });
      worker.process.tell({ type: "retire", keep: [worker.app] });
      await until(
        () => "it takes them again",
        () => (worker.ready["apps"] as unknown[]).length === 1,
      );
      expect((await client.outcome("echo")).type).toBe(MSG.RESPONSE);
    });

    test("until its app kills it has said STARTED before", async () => {
      const client = await worker.client();
      const { id } = client.run("dies");
      await client.peer.end();
      expect(client.types(id)).toEqual([MSG.STARTED]);
      expect(await worker.exited()).toBeNull();
    });
  });
});
