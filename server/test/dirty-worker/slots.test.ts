/** The worker's part of the rules of slots: the table in the wire's description, row by row. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DirtyApp } from "../../src/dirty/app.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { until } from "../dirty/wire-peer.ts";
import { expectWithin } from "../promised-time.ts";
import { EPOCH, Stage, type StageClient } from "./stage.ts";

/** What happened inside the app, in order. */
let notes: string[] = [];

class App extends DirtyApp {
  static override concurrency = 2;

  ping(): string {
    return "pong";
  }

  /** Runs until it is aborted. */
  async hold(label: string): Promise<string> {
    notes.push(`${label} began`);
    await new Promise((resolve) => this.request.signal.addEventListener("abort", resolve));
    notes.push(`${label} was aborted`);
    return label;
  }

  /** Yields until it is aborted; takes its time to settle. */
  async *tick(label: string): AsyncGenerator<number> {
    notes.push(`${label} began`);
    try {
      for (let n = 0; ; n++) {
        yield n;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 50));
      notes.push(`${label} settled`);
    }
  }
}

class Other extends DirtyApp {
  ping(): string {
    return "pong";
  }
}

let stage: Stage;
let client: StageClient;

beforeEach(async () => {
  notes = [];
  stage = await Stage.open({ "app:App": App, "app:Other": Other });
  client = await stage.client();
});

afterEach(async () => {
  await stage.close();
});

async function noted(note: string): Promise<void> {
  await until(
    () => `the app says "${note}"; it said ${notes}`,
    () => notes.includes(note),
  );
}

/** All that was sent before, by client or dirty arbiter, has been handled. */
async function settled(): Promise<void> {
  await client.over(client.run("ping", { app: "app:Other" }));
  const slot = stage.newSlot();
  stage.arbiter.send([MSG.REVOKE, 0, { slot, cancel: false }]);
  await stage.frees(slot);
}

test("the worker registers with its socket, its apps and what each runs at once", () => {
  expect(stage.arbiter.all(MSG.READY)[0]?.dict).toEqual({
    socket: stage.socket,
    apps: [
      { app: "app:App", concurrency: 2, continues: [], actions: ["ping", "hold", "tick"] },
      { app: "app:Other", concurrency: 1, continues: [], actions: ["ping"] },
    ],
    running: [],
    streams: [],
  });
});

test("a run is STARTED, answered, and its slot given back", async () => {
  const { id, slot } = client.runWithSlot("ping");
  await client.over(id);
  expect(client.types(id)).toEqual([MSG.STARTED, MSG.RESPONSE]);
  await stage.frees(slot);
});

test("a heartbeat comes each 250 ms, and says once which runs began", async (context) => {
  const { slot } = client.runWithSlot("hold", { args: ["a"] });
  await noted("a began");
  const beat = await stage.arbiter.next(MSG.HEARTBEAT);
  const beats = [beat];
  while (beats.length < 4) beats.push(await stage.arbiter.next(MSG.HEARTBEAT));
  const started = beats.flatMap(({ dict }) => dict["started"]);
  expect(started).toEqual([slot]);
  expect((beats[3]?.at ?? 0) - beat.at).toBeGreaterThan(600);
  await expectWithin(context, 500, async () => {
    const [one, next] = [await stage.arbiter.next(MSG.HEARTBEAT), await stage.arbiter.next(MSG.HEARTBEAT)];
    return next.at - one.at;
  });
});

describe("a RUN is refused with NACK, and its action never called,", () => {
  test("over the app's concurrency; the slot is given back", async () => {
    client.run("hold", { args: ["a"] });
    client.run("hold", { args: ["b"] });
    const third = client.runWithSlot("hold", { args: ["c"] });
    expect((await client.over(third.id)).type).toBe(MSG.NACK);
    expect(client.types(third.id)).toEqual([MSG.NACK]);
    await stage.frees(third.slot);
    expect(notes).toEqual(["a began", "b began"]);
  });

  test("with a slot that was revoked", async () => {
    const slot = stage.newSlot();
    stage.arbiter.send([MSG.REVOKE, 0, { slot, cancel: false }]);
    await stage.frees(slot);
    const id = client.run("hold", { args: ["a"], slot });
    expect((await client.over(id)).type).toBe(MSG.NACK);
    expect(notes).toEqual([]);
  });

  test("with a slot of an older epoch than the worker registered with", async () => {
    const old = client.run("hold", { args: ["old"], slot: stage.newSlot(EPOCH - 1) });
    expect((await client.over(old)).type).toBe(MSG.NACK);
    const same = client.run("ping", { slot: stage.newSlot(EPOCH) });
    expect((await client.over(same)).type).toBe(MSG.RESPONSE);
    expect(notes).toEqual([]);
  });

  test("with a slot of the dirty arbiter before this one", async () => {
    const slot = stage.newSlot(EPOCH);
    await stage.newArbiter(EPOCH + 1);
    const id = client.run("ping", { slot });
    expect((await client.over(id)).type).toBe(MSG.NACK);
  });

  test("with a slot that is running; the run goes on", async () => {
    const { id, slot } = client.runWithSlot("hold", { args: ["a"] });
    await noted("a began");
    const twice = client.run("hold", { args: ["b"], slot });
    expect((await client.over(twice)).type).toBe(MSG.NACK);
    expect(client.types(id)).toEqual([MSG.STARTED]);
    expect(stage.freed).not.toContain(slot);
    expect(notes).toEqual(["a began"]);
  });

  test("for an app that the worker does not run", async () => {
    const { id, slot } = client.runWithSlot("ping", { app: "app:Missing" });
    expect((await client.over(id)).type).toBe(MSG.NACK);
    await stage.frees(slot);
  });

  test("while the worker drains", async () => {
    const { id: running } = client.runWithSlot("tick", { args: ["a"] });
    await noted("a began");
    const drained = stage.worker.drain(10_000);
    const { id, slot } = client.runWithSlot("ping");
    expect((await client.over(id)).type).toBe(MSG.NACK);
    await stage.frees(slot);
    const ready = await stage.arbiter.next(MSG.READY);
    expect(ready.dict["apps"]).toEqual([]);
    expect(ready.dict["running"]).toHaveLength(1);
    client.peer.send([MSG.CANCEL, running]);
    await drained;
    expect(notes).toContain("a settled");
  });
});

describe("REVOKE", () => {
  test("of a slot that was never seen is answered with FREE at once", async () => {
    const slot = stage.newSlot();
    stage.arbiter.send([MSG.REVOKE, 0, { slot, cancel: true }]);
    await stage.frees(slot);
  });

  test("of a running slot cancels the run, and FREE comes when it has ended", async () => {
    const { id, slot } = client.runWithSlot("tick", { args: ["a"] });
    await client.has(id, 2);
    stage.arbiter.send([MSG.REVOKE, 0, { slot, cancel: true }]);
    await stage.frees(slot);
    expect(notes).toEqual(["a began", "a settled"]);
  });

  test("of a running slot tells its client, which may live, at once and only once", async () => {
    const { id, slot } = client.runWithSlot("tick", { args: ["a"] });
    await client.has(id, 2);
    stage.arbiter.send([MSG.REVOKE, 0, { slot, cancel: true }]);
    const { type, dict } = await client.over(id);
    expect({ type, ...dict }).toMatchObject({ type: MSG.ERROR, error: { error_type: "DirtyWorkerError" } });
    expect(stage.freed).not.toContain(slot);
    stage.arbiter.send([MSG.REVOKE, 0, { slot, cancel: true }]);
    await stage.frees(slot);
    await settled();
    expect(client.types(id).filter((one) => one === MSG.ERROR)).toHaveLength(1);
  });

  test("of a running slot that its client cancelled already tells it nothing", async () => {
    const { id, slot } = client.runWithSlot("tick", { args: ["a"] });
    await client.has(id, 2);
    client.peer.send([MSG.CANCEL, id]);
    await client.result("ping");
    stage.arbiter.send([MSG.REVOKE, 0, { slot, cancel: true }]);
    await stage.frees(slot);
    await settled();
    expect(client.types(id)).not.toContain(MSG.ERROR);
  });

  test("of a slot that only seemed unused lets its run go on", async () => {
    const { id, slot } = client.runWithSlot("tick", { args: ["a"] });
    await client.has(id, 1);
    stage.arbiter.send([MSG.REVOKE, 0, { slot, cancel: false }]);
    await settled();
    const before = client.chunks(id).length;
    await client.has(id, before + 5);
    expect(stage.freed).not.toContain(slot);
    expect(notes).toEqual(["a began"]);
  });

  test("of a slot whose run has ended is answered with FREE", async () => {
    const { id, slot } = client.runWithSlot("ping");
    await client.over(id);
    await stage.frees(slot);
    stage.arbiter.send([MSG.REVOKE, 0, { slot, cancel: true }]);
    await settled();
    expect(stage.freed.filter((one) => one === slot)).toHaveLength(2);
  });
});

describe("CANCEL", () => {
  test("aborts the run; nothing more of it is sent, and its slot is free when it has settled", async () => {
    const { id, slot } = client.runWithSlot("tick", { args: ["a"] });
    await client.has(id, 3);
    client.peer.send([MSG.CANCEL, id]);
    await stage.frees(slot);
    expect(notes).toEqual(["a began", "a settled"]);
    const came = client.of(id).length;
    await settled();
    expect(client.of(id)).toHaveLength(came);
    expect(client.types(id)).not.toContain(MSG.END);
    expect(client.types(id)).not.toContain(MSG.ERROR);
  });

  test("does not free the slot before the app has settled", async () => {
    const holds = [client.runWithSlot("tick", { args: ["a"] }), client.runWithSlot("tick", { args: ["b"] })];
    for (const { id } of holds) await client.has(id, 1);
    client.peer.send([MSG.CANCEL, holds[0]?.id ?? 0]);
    // It takes 50 ms to settle, and its place is not free until then.
    const early = client.run("ping");
    expect((await client.over(early)).type).toBe(MSG.NACK);
    await stage.frees(holds[0]?.slot ?? 0);
    const late = client.run("ping");
    expect((await client.over(late)).type).toBe(MSG.RESPONSE);
  });

  test("and CREDIT for an id that has ended, or never was, are ignored", async () => {
    const id = client.run("ping");
    await client.over(id);
    client.peer.send(
      [MSG.CANCEL, id],
      [MSG.CREDIT, id, { bytes: 1000 }],
      [MSG.CANCEL, 9999],
      [MSG.CREDIT, 9999, { bytes: 1000 }],
      [MSG.CANCEL, id],
    );
    expect(await client.result("ping")).toBe("pong");
    expect(client.peer.closed).toBe(false);
    expect(client.types(id)).toEqual([MSG.STARTED, MSG.RESPONSE]);
  });

  test("of one client does nothing to another's run of the same id", async () => {
    const second = await stage.client();
    const mine = client.run("tick", { args: ["mine"] });
    const theirs = second.run("tick", { args: ["theirs"] });
    expect(theirs).toBe(mine);
    await client.has(mine, 1);
    await second.has(theirs, 1);
    client.peer.send([MSG.CANCEL, mine]);
    await noted("mine settled");
    const before = second.chunks(theirs).length;
    await second.has(theirs, before + 5);
    expect(notes).not.toContain("theirs settled");
  });
});

describe("a client that is gone", () => {
  test("has its runs aborted and their slots given back; nobody else's", async () => {
    const other = await stage.client();
    const lost = client.runWithSlot("tick", { args: ["lost"] });
    const kept = other.run("tick", { args: ["kept"] });
    await client.has(lost.id, 1);
    await other.has(kept, 1);
    client.peer.destroy();
    await stage.frees(lost.slot);
    const before = other.chunks(kept).length;
    await other.has(kept, before + 5);
    expect(notes).not.toContain("kept settled");
  });

  test("also one that only ends its side of the connection", async () => {
    const { id, slot } = client.runWithSlot("tick", { args: ["a"] });
    await client.has(id, 1);
    client.peer.halfClose();
    await stage.frees(slot);
  });
});

describe("a new dirty arbiter", () => {
  test("is told what runs and how long it may still take, and the runs go on", async () => {
    const { id, slot } = client.runWithSlot("tick", { args: ["a"], ms: 5000 });
    await client.has(id, 1);
    await stage.newArbiter(EPOCH + 1);
    expect(stage.arbiter.all(MSG.READY)[0]?.dict["running"]).toEqual([
      { slot, app: "app:App", ms_left: expect.closeTo(4500, -3) },
    ]);
    const before = client.chunks(id).length;
    await client.has(id, before + 5);
    client.peer.send([MSG.CANCEL, id]);
    await stage.frees(slot);
  });

  test("does not hear in a heartbeat of runs that began before it, and are over", async () => {
    const { id } = client.runWithSlot("ping");
    await client.over(id);
    await stage.newArbiter(EPOCH + 1);
    const beats = [await stage.arbiter.next(MSG.HEARTBEAT), await stage.arbiter.next(MSG.HEARTBEAT)];
    expect(beats.flatMap(({ dict }) => dict["started"])).toEqual([]);
  });
});
