/** A dirty worker's part of the rules of slots: the table in the wire's description, row by row. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MSG } from "../../src/protocol/messages.ts";
import { until } from "../dirty/wire-peer.ts";
import { expectWithin } from "../promised-time.ts";
import type { WorkerClient } from "./client.ts";
import { describeWorkers } from "./kinds.ts";
import { ID, TOKEN, WorkerUnderTest } from "./worker.ts";

describeWorkers((kind) => {
  let worker: WorkerUnderTest;
  let client: WorkerClient;

  beforeAll(async () => {
    if (kind.missing === undefined) worker = await WorkerUnderTest.open(kind, { concurrency: 2 });
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

  test("registers with its socket, its app, what that runs at once and what of it can be continued", () => {
    expect(worker.hello).toEqual({ token: TOKEN, role: "dirty-worker", id: ID, pid: worker.process.pid });
    const { apps, ...rest } = worker.ready;
    expect(rest).toEqual({ socket: worker.socket, running: [], streams: [] });
    const [app, ...others] = apps as Record<string, unknown>[];
    expect(others).toEqual([]);
    expect(app).toMatchObject({ app: worker.app, concurrency: 2, continues: ["counts", "letters"] });
    expect(app?.["actions"]).toEqual(expect.arrayContaining(["echo", "hold", "counts"]));
    expect(app?.["actions"]).not.toContain("_hidden");
  });

  test("says STARTED, answers, and gives the slot back once", async () => {
    const { id, slot } = client.run("echo", { args: [1] });
    expect(await client.over(id)).toMatchObject({ types: [MSG.STARTED, MSG.RESPONSE], result: [1] });
    await worker.frees(slot);
    await worker.heard();
    expect(worker.freesOf(slot)).toEqual([{ slot }]);
  });

  test("tells by a heartbeat each 250 ms, and once, which runs began", async (context) => {
    const { id, slot } = client.run("hold", { args: ["a"] });
    await client.started(id);
    const told = (): unknown[] => worker.arbiter.all(MSG.HEARTBEAT).flatMap(({ dict }) => dict["started"]);
    await until(
      () => "it is told",
      () => told().includes(slot),
    );
    const beats = worker.arbiter.all(MSG.HEARTBEAT).length;
    await until(
      () => "two more heartbeats",
      () => worker.arbiter.all(MSG.HEARTBEAT).length >= beats + 2,
    );
    expect(told().filter((one) => one === slot)).toHaveLength(1);
    await expectWithin(context, 500, async () => {
      const before = worker.arbiter.all(MSG.HEARTBEAT);
      const all = (): typeof before => worker.arbiter.all(MSG.HEARTBEAT);
      await until(
        () => "the next heartbeat",
        () => all().length > before.length,
      );
      return (all().at(-1)?.at ?? 0) - (before.at(-1)?.at ?? 0);
    });
  });

  describe("refuses a RUN with NACK, and never calls its action,", () => {
    test("over the app's concurrency; the slot is given back", async () => {
      for (const name of ["a", "b"]) {
        client.run("hold", { args: [name] });
        await worker.noted(`${name} began`);
      }
      const third = client.run("hold", { args: ["c"] });
      expect((await client.over(third.id)).types).toEqual([MSG.NACK]);
      await worker.frees(third.slot);
      expect(worker.freesOf(third.slot)).toEqual([{ slot: third.slot, unused: true }]);
      expect(worker.notes).toEqual(["a began", "b began"]);
    });

    test("with a slot that was revoked", async () => {
      const slot = worker.newSlot();
      worker.revoke(slot, false);
      await worker.frees(slot);
      expect((await client.outcome("hold", { args: ["a"], slot })).types).toEqual([MSG.NACK]);
      expect(worker.notes).toEqual([]);
    });

    test("with a slot of an older epoch than the one that it registered with", async () => {
      const slot = worker.newSlot(worker.epoch - 1);
      expect((await client.outcome("hold", { args: ["a"], slot })).types).toEqual([MSG.NACK]);
      expect((await client.outcome("echo")).type).toBe(MSG.RESPONSE);
      expect(worker.notes).toEqual([]);
    });

    test("with a slot that is running; the run goes on", async () => {
      const { id, slot } = client.run("hold", { args: ["a"] });
      await worker.noted("a began");
      expect((await client.outcome("hold", { args: ["b"], slot })).types).toEqual([MSG.NACK]);
      await worker.heard();
      expect(client.types(id)).toEqual([MSG.STARTED]);
      expect(worker.freesOf(slot)).toEqual([]);
      expect(worker.notes).toEqual(["a began"]);
    });

    test("for an app that it does not run", async () => {
      const { id, slot } = client.run("echo", { app: "missing:App" });
      expect((await client.over(id)).types).toEqual([MSG.NACK]);
      await worker.frees(slot);
      expect(worker.freesOf(slot)).toEqual([{ slot, unused: true }]);
    });
  });

  describe("answers REVOKE", () => {
    test("of a slot that it never saw with FREE at once", async () => {
      const slot = worker.newSlot();
      worker.revoke(slot, true);
      await worker.frees(slot);
      expect(worker.freesOf(slot)).toEqual([{ slot, unused: true }]);
    });

    test("of a slot whose run has ended with FREE", async () => {
      const { id, slot } = client.run("echo");
      await client.over(id);
      await worker.frees(slot);
      worker.revoke(slot, true);
      await worker.heard();
      expect(worker.freesOf(slot)).toEqual([{ slot }, { slot, unused: true }]);
    });

    test("of a running slot with an error to its client, once, and FREE when its code has ended", async () => {
      const { id, slot } = client.run("deaf", { args: ["revoked"] });
      await worker.noted("revoked began");
      worker.revoke(slot, true);
      // Its client may live, and only have lost the dirty arbiter.
      expect((await client.over(id)).error.error_type).toBe("DirtyWorkerError");
      worker.revoke(slot, true);
      await worker.heard();
      expect(worker.freesOf(slot)).toEqual([]);
      worker.openGate("revoked");
      await worker.frees(slot);
      await client.heard();
      expect(client.types(id)).toEqual([MSG.STARTED, MSG.ERROR]);
      expect(worker.notes).toContain("revoked settled");
    });

    test("of a running slot that its client cancelled already with nothing but FREE", async () => {
      const { id, slot } = client.run("deaf", { args: ["cancelled"] });
      await worker.noted("cancelled began");
      client.cancel(id);
      await client.heard();
      worker.revoke(slot, true);
      await worker.heard();
      worker.openGate("cancelled");
      await worker.frees(slot);
      await client.heard();
      expect(client.types(id)).toEqual([MSG.STARTED]);
    });

    test("of a slot that only seemed unused with nothing: its run goes on", async () => {
      const { id, slot } = client.run("ticks", { args: ["a"] });
      await client.has(id, 1);
      worker.revoke(slot, false);
      await worker.heard();
      await client.has(id, client.chunks(id).length + 5);
      expect(worker.freesOf(slot)).toEqual([]);
      expect(worker.notes).toEqual(["a began"]);
    });
  });

  test("does not give a cancelled run's slot back before its code has ended", async () => {
    const [one, other] = ["one", "other"].map((name) => client.run("deaf", { args: [name] }));
    await worker.noted("one began");
    await worker.noted("other began");
    client.cancel(one?.id ?? 0);
    expect((await client.outcome("echo")).type).toBe(MSG.NACK);
    worker.openGate("one");
    await worker.frees(one?.slot ?? 0);
    expect((await client.outcome("echo")).type).toBe(MSG.RESPONSE);
    worker.openGate("other");
    expect(await client.over(other?.id ?? 0)).toMatchObject({ type: MSG.RESPONSE });
  });

  describe("when a client", () => {
    test("cancels, does nothing to another's run of the same id", async () => {
      const second = await worker.client();
      const mine = client.run("ticks", { args: ["mine"] });
      const theirs = second.run("ticks", { args: ["theirs"] });
      expect(theirs.id).toBe(mine.id);
      await client.has(mine.id, 1);
      await second.has(theirs.id, 1);
      client.cancel(mine.id);
      await worker.frees(mine.slot);
      await second.has(theirs.id, second.chunks(theirs.id).length + 5);
      expect(worker.notes).not.toContain("theirs settled");
    });

    test("is gone, aborts its runs and gives their slots back, and no others", async () => {
      const other = await worker.client();
      const lost = client.run("ticks", { args: ["lost"] });
      const kept = other.run("ticks", { args: ["kept"] });
      await client.has(lost.id, 1);
      await other.has(kept.id, 1);
      client.peer.destroy();
      await worker.frees(lost.slot);
      await other.has(kept.id, other.chunks(kept.id).length + 5);
      expect(worker.notes).not.toContain("kept settled");
    });

    test("only ends its side of the connection, counts it as gone", async () => {
      const { id, slot } = client.run("ticks", { args: ["a"] });
      await client.has(id, 1);
      client.peer.halfClose();
      await worker.frees(slot);
    });
  });

  describe("where the dirty arbiter was replaced,", () => {
    test("tells the new one what runs and how long it may still take, and the runs go on", async () => {
      const { id, slot } = client.run("ticks", { args: ["a"], ms: 50_000 });
      await client.has(id, 1);
      await worker.newArbiter();
      const [run, ...others] = worker.ready["running"] as Record<string, unknown>[];
      expect(others).toEqual([]);
      expect(run).toEqual({ slot, app: worker.app, ms_left: expect.any(Number) });
      expect(run?.["ms_left"]).toBeLessThan(50_000);
      expect(run?.["ms_left"]).toBeGreaterThan(0);
      await client.has(id, client.chunks(id).length + 5);
      client.cancel(id);
      await worker.frees(slot);
    });

    test("takes no slot of the one before", async () => {
      const slot = worker.newSlot();
      await worker.newArbiter();
      expect((await client.outcome("echo", { slot })).types).toEqual([MSG.NACK]);
      expect((await client.outcome("echo")).type).toBe(MSG.RESPONSE);
    });

    test("says in no heartbeat that runs began which are over", async () => {
      const { id, slot } = client.run("echo");
      await client.over(id);
      await worker.newArbiter();
      const first = await worker.arbiter.next(MSG.HEARTBEAT);
      const second = await worker.arbiter.next(MSG.HEARTBEAT);
      expect([first, second].flatMap(({ dict }) => dict["started"])).not.toContain(slot);
    });
  });
});
