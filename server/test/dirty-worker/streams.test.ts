/** Resumable streams in a worker, whose clients and dirty arbiter a test plays by hand. */
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DirtyApp } from "../../src/dirty/app.ts";
import type { StreamStoreOptions } from "../../src/dirty-worker/stream-store.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { STREAM_MSG } from "../../src/protocol/stream-messages.ts";
import { WINDOW } from "../../src/protocol/window.ts";
import { until, type WirePeer } from "../dirty/wire-peer.ts";
import { Stage, type StageClient } from "./stage.ts";

let made = 0;
let aborted = 0;

class App extends DirtyApp {
  static override concurrency = 4;
  static override continues = ["counts", "letters"];
  async *counts(n: number, ms = 0) {
    for (let i = this.request.emitted.length; i < n; i++) {
      if (ms > 0) await sleep(ms);
      yield i;
    }
  }
  async *waits() {
    yield "here";
    await new Promise((resolve) => this.request.signal.addEventListener("abort", resolve));
    aborted++;
  }
  *large(n: number, size: number) {
    for (let i = 0; i < n; i++) {
      made = i + 1;
      yield "x".repeat(size);
    }
  }
  *letters(n: number, size: number) {
    yield* this.large(n, size);
  }
  result(size: number) {
    return "x".repeat(size);
  }
}

let stage: Stage;
let client: StageClient;
let lastId = 1000;

async function open(options: Partial<StreamStoreOptions> = {}): Promise<void> {
  await stage?.close();
  stage = await Stage.open({ "app:App": App }, { graceMs: 30_000, ...options });
  client = await stage.client();
}

beforeEach(async () => {
  made = 0;
  aborted = 0;
  await open();
});

afterEach(async () => {
  await stage.close();
});

/** A stream of the worker. */
interface Stream {
  readonly id: number;
  readonly slot: number;
  readonly stream: string;
}

function message(action: string, args: unknown[], slot: number, stream: string, more: object = {}): object {
  return { slot, app: "app:App", action, args, ms_left: 10_000, request_id: "r", stream, ...more };
}

function begin(action: string, args: unknown[] = [], more: object = {}): Stream {
  const [id, slot, stream] = [++lastId, stage.newSlot(), createStreamId()];
  client.peer.send([MSG.RUN, id, message(action, args, slot, stream, more)]);
  return { id, slot, stream };
}

function attach({ slot, stream }: Omit<Stream, "id">, after = 0, prefix = false, by = client): number {
  const id = ++lastId;
  by.peer.send([STREAM_MSG.ATTACH, id, { stream, slot, after, prefix }]);
  return id;
}

async function attached(
  id: number,
  peer: WirePeer = client.peer,
): Promise<Readonly<Record<string, unknown>>> {
  const find = () => peer.frames.find((frame) => frame.id === id && frame.type === STREAM_MSG.ATTACHED);
  await until(
    () => "ATTACHED",
    () => find() !== undefined,
  );
  return find()?.dict ?? {};
}

function forgotten(): unknown[] {
  return stage.arbiter.all(STREAM_MSG.FORGET).map(({ dict }) => dict["stream"]);
}

async function forgets({ stream }: Stream): Promise<void> {
  await until(
    () => "it is forgotten",
    () => forgotten().includes(stream),
  );
}

describe("a reader that attaches", () => {
  test("is told what the run was called with where it can be continued, and only then", async () => {
    const counts = begin("counts", [3]);
    await client.over(counts.id);
    const whole = attach(counts, 2, true);
    expect(await attached(whole)).toEqual({
      app: "app:App",
      action: "counts",
      args: [3],
      request_id: "r",
      continues: true,
      emitted: [0, 1],
    });
    expect(client.chunks(whole)).toEqual([2]);
    const bare = attach(counts, 1);
    expect(await attached(bare)).not.toHaveProperty("emitted");
    const waits = begin("waits");
    await client.has(waits.id, 1);
    const other = await attached(attach(waits));
    expect(other).toMatchObject({ continues: false, args: [] });
    expect(other["ms_left"]).toBeGreaterThan(9000);
  });

  test("waits for a RUN that is on its way, and is refused when none comes", async () => {
    const early = { slot: stage.newSlot(), stream: createStreamId() };
    const id = attach(early);
    client.peer.send([MSG.RUN, ++lastId, message("counts", [3], early.slot, early.stream)]);
    await client.over(id);
    expect(client.chunks(id)).toEqual([0, 1, 2]);
    const never = attach({ slot: stage.newSlot(), stream: createStreamId() });
    expect((await client.over(never)).type).toBe(MSG.NACK);
  });

  test("is refused at once when the stream was forgotten, or has another name", async () => {
    const counts = begin("counts", [3]);
    await client.over(counts.id);
    const wrong = attach({ ...counts, stream: createStreamId() });
    expect((await client.over(wrong)).type).toBe(MSG.NACK);
    const end = ++lastId;
    client.peer.send([STREAM_MSG.END_STREAM, end, { stream: counts.stream, slot: counts.slot }]);
    await client.over(end);
    expect((await client.over(attach(counts))).type).toBe(MSG.NACK);
  });

  test("ahead of the stream gets only what comes behind what it has", async () => {
    const counts = begin("counts", [20, 5]);
    const id = attach(counts, 15);
    await client.over(id);
    expect(client.chunks(id)).toEqual([15, 16, 17, 18, 19]);
    const beyond = attach(counts, 25);
    expect((await client.over(beyond)).type).toBe(MSG.END);
  });

  test("ahead of the stream, and would continue it, gets also what is made until then", async () => {
    const counts = begin("counts", [20, 20]);
    await client.has(counts.id, 2);
    const id = attach(counts, 15, true);
    const { emitted, continues } = await attached(id);
    expect(continues).toBe(true);
    await client.over(id);
    expect([...(emitted as number[]), ...client.chunks(id)]).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(client.chunks(id).length).toBeGreaterThan(5);
  });

  test("is turned away where the stream has 64 readers, until one of them leaves", async () => {
    const waits = begin("waits");
    await client.has(waits.id, 1);
    const ids = Array.from({ length: 63 }, () => attach(waits));
    for (const id of ids) await client.has(id, 1);
    const { dict } = await client.over(attach(waits));
    expect(dict["error"]).toMatchObject({ error_type: "DirtyQueueFullError", details: { retry_after: 1 } });
    client.peer.send([MSG.CANCEL, ids[0] ?? 0]);
    await client.has(attach(waits), 1);
  });

  test("with much behind a client that does not take it can read on, and is not given the whole to continue it", async () => {
    const letters = begin("letters", [3, 1024 * 1024]);
    client.peer.send([MSG.CANCEL, letters.id]);
    await until(
      () => "all of it is made",
      () => made === 3,
    );
    const other = await stage.client();
    other.peer.pause();
    const ids = Array.from({ length: 12 }, () => attach(letters, 3, true, other));
    expect(await client.result("result", 1)).toBe("x");
    other.peer.resume();
    const whole: unknown[] = [];
    for (const id of ids) {
      whole.push((await attached(id, other.peer))["continues"]);
      expect((await other.over(id)).type).toBe(MSG.END);
    }
    expect(whole.slice(0, 4)).toEqual([true, true, true, true]);
    expect(whole.at(-1)).toBe(false);
  });

  test("gets what an earlier worker delivered too", async () => {
    const counts = begin("counts", [5], { emitted: [0, 1, 2] });
    await client.over(counts.id);
    expect(client.chunks(counts.id)).toEqual([3, 4]);
    const id = attach(counts, 1, true);
    expect(await attached(id)).toMatchObject({ emitted: [0] });
    await client.over(id);
    expect(client.chunks(id)).toEqual([1, 2, 3, 4]);
  });
});

describe("the window", () => {
  test("of the only reader stops the run, which goes on when the reader leaves", async () => {
    const large = begin("large", [100, 16 * 1024]);
    await client.has(large.id, WINDOW / (16 * 1024) - 1);
    const stopped = made;
    const other = await stage.client();
    expect(await other.result("result", 3)).toBe("xxx");
    expect(made).toBe(stopped);
    expect(made).toBeLessThan(20);
    client.peer.send([MSG.CANCEL, large.id]);
    await until(
      () => "it has made all",
      () => made === 100,
    );
  });

  test("of one reader stops nobody else", async () => {
    const large = begin("large", [100, 16 * 1024]);
    const id = attach(large);
    for (let chunks = 1; chunks <= 100; chunks++) {
      await client.has(id, chunks);
      client.peer.send([MSG.CREDIT, id, { bytes: 16 * 1024 + 100 }]);
    }
    await client.over(id);
    expect(client.chunks(large.id).length).toBeLessThan(20);
    client.peer.send([MSG.CREDIT, large.id, { bytes: WINDOW }]);
    await client.has(large.id, 25);
  });
});

describe("what is kept", () => {
  test("is bounded for each stream: the beginning goes first", async () => {
    await open({ streamBytes: 64 * 1024 });
    const large = begin("large", [20, 16 * 1024]);
    // What is granted before the window is used adds nothing to it.
    await client.has(large.id, WINDOW / (16 * 1024) - 1);
    client.peer.send([MSG.CREDIT, large.id, { bytes: WINDOW }]);
    await client.over(large.id);
    const late = attach(large, 2);
    expect((await client.over(late)).dict["error"]).toMatchObject({ error_type: "DirtyStreamGoneError" });
    const end = attach(large, 17);
    await client.over(end);
    expect(client.chunks(end)).toHaveLength(3);
    expect(stage.worker.streams.size).toBeLessThanOrEqual(64 * 1024 + 2048);
  });

  test("is bounded for all: what ended first goes first", async () => {
    await open({ totalBytes: 300 * 1024 });
    const streams: Stream[] = [];
    for (let count = 0; count < 10; count++) {
      const large = begin("large", [5, 16 * 1024]);
      await client.over(large.id);
      streams.push(large);
      expect(stage.worker.streams.size).toBeLessThanOrEqual(300 * 1024);
    }
    expect(forgotten()).toEqual(streams.slice(0, 7).map(({ stream }) => stream));
    expect(stage.worker.ready().streams).toEqual(
      streams.slice(7).map(({ stream, slot }) => ({ stream, slot })),
    );
  });

  test("of streams that run is bounded too: they give up their own beginning", async () => {
    await open({ totalBytes: 100 * 1024 });
    const large = begin("large", [14, 16 * 1024]);
    await client.over(large.id);
    expect(client.chunks(large.id)).toHaveLength(14);
    expect(stage.worker.streams.size).toBeLessThanOrEqual(100 * 1024);
  });

  test("counts what a stream was called with, where it can be continued", async () => {
    await open({ totalBytes: 300 * 1024 });
    const streams: Stream[] = [];
    for (let count = 0; count < 5; count++) {
      const counts = begin("counts", [3, 0, "x".repeat(80 * 1024)]);
      await client.over(counts.id);
      streams.push(counts);
      expect(stage.worker.streams.size).toBeGreaterThan(80 * 1024);
      expect(stage.worker.streams.size).toBeLessThanOrEqual(300 * 1024);
    }
    expect(forgotten()).toEqual(streams.slice(0, 2).map(({ stream }) => stream));
  });

  test("is nothing that no reader can be told: arguments where nobody goes on with it, values twice", async () => {
    const ends = begin("large", [1, 1, "an argument"]);
    const goesOn = begin("counts", [3, 0, "another one"], { emitted: ["emitted before"] });
    await client.over(ends.id);
    await client.over(goesOn.id);
    const kept = inspect(stage.worker.streams, { depth: 20 });
    expect(kept).toContain("another one");
    expect(kept).not.toContain("an argument");
    expect(kept).not.toContain("emitted before");
    const late = attach(goesOn, 0, true);
    await client.over(late);
    expect(client.chunks(late)).toEqual(["emitted before", 1, 2]);
  });

  test("is given up some time after the end", async () => {
    await open({ retentionMs: 50 });
    const counts = begin("counts", [3]);
    await forgets(counts);
    expect(stage.worker.streams.size).toBe(0);
    expect(stage.worker.ready().streams).toEqual([]);
  });

  test("does not hold a result that is too large, but its caller gets it", async () => {
    await open({ streamBytes: 10_000 });
    const result = begin("result", [50_000]);
    expect((await client.over(result.id)).dict["result"]).toHaveLength(50_000);
    const late = attach(result);
    expect((await client.over(late)).dict["error"]).toMatchObject({ error_type: "DirtyStreamGoneError" });
  });
});

test("a slow reader of a stream that is given up meanwhile gets what is left of it, and its end once", async () => {
  await open({ retentionMs: 50 });
  const large = begin("large", [10, 60 * 1024]);
  const fast = attach(large);
  await client.has(fast, 5);
  client.peer.send([MSG.CREDIT, fast, { bytes: WINDOW }], [MSG.CREDIT, fast, { bytes: WINDOW }]);
  await client.has(fast, 9);
  client.peer.send([MSG.CREDIT, fast, { bytes: WINDOW }]);
  await forgets(large);
  expect(client.chunks(large.id)).toHaveLength(5);
  const credit: [number, number, object] = [MSG.CREDIT, large.id, { bytes: WINDOW }];
  client.peer.send(credit, credit, credit);
  await client.over(large.id);
  client.peer.send(credit, credit);
  // What comes behind those has been answered.
  await client.over(begin("counts", [1]).id);
  expect(client.chunks(large.id)).toHaveLength(10);
  expect(client.types(large.id).filter((type) => type === MSG.END)).toHaveLength(1);
});

describe("the dirty arbiter", () => {
  test("may make a run itself, for whoever comes within the grace", async () => {
    const [slot, stream] = [stage.newSlot(), createStreamId()];
    stage.arbiter.send([MSG.RUN, 0, message("counts", [3], slot, stream)]);
    const id = attach({ slot, stream });
    await client.over(id);
    expect(client.chunks(id)).toEqual([0, 1, 2]);
    await stage.frees(slot);
    expect(stage.arbiter.all(MSG.FREE).map(({ dict }) => dict)).toEqual([{ slot }]);
  });

  test("and nobody comes: it is aborted", async () => {
    await open({ graceMs: 50 });
    const [slot, stream] = [stage.newSlot(), createStreamId()];
    stage.arbiter.send([MSG.RUN, 0, message("waits", [], slot, stream)]);
    await stage.frees(slot);
    expect(aborted).toBe(1);
    expect(forgotten()).toEqual([stream]);
  });

  test("hears whether a slot was ever used", async () => {
    const unused = stage.newSlot();
    stage.arbiter.send([MSG.REVOKE, 0, { slot: unused, cancel: false }]);
    await stage.frees(unused);
    expect(stage.arbiter.all(MSG.FREE).map(({ dict }) => dict)).toEqual([{ slot: unused, unused: true }]);
  });

  test("takes a slot back: the run is aborted, and its readers are told to ask again", async () => {
    const waits = begin("waits");
    const other = attach(waits);
    await client.has(other, 1);
    stage.arbiter.send([MSG.REVOKE, 0, { slot: waits.slot, cancel: true }]);
    expect([(await client.over(waits.id)).type, (await client.over(other)).type]).toEqual([
      MSG.NACK,
      MSG.NACK,
    ]);
    await forgets(waits);
  });

  test("hears that what the worker gives up when it stops is gone, and not forgotten", async () => {
    const [waits, counts, cancelled] = [begin("waits"), begin("counts", [3]), begin("counts", [3])];
    await client.has(waits.id, 1);
    await client.over(counts.id);
    await client.over(cancelled.id);
    client.peer.send([STREAM_MSG.END_STREAM, ++lastId, { stream: cancelled.stream, slot: cancelled.slot }]);
    await forgets(cancelled);
    await stage.worker.close(1000);
    for (const one of [waits, counts]) await forgets(one);
    const gone = stage.arbiter.all(STREAM_MSG.FORGET).filter(({ dict }) => dict["gone"] === true);
    expect(gone.map(({ dict }) => dict["stream"])).toEqual([waits.stream, counts.stream]);
  });

  test("that is new is told of streams that run and that are kept", async () => {
    const waits = begin("waits");
    const counts = begin("counts", [3]);
    await client.has(waits.id, 1);
    await client.over(counts.id);
    await stage.newArbiter(6);
    const streams = stage.arbiter.all(MSG.READY)[0]?.dict["streams"];
    expect(streams).toEqual([waits, counts].map(({ stream, slot }) => ({ stream, slot })));
  });
});

describe("a worker that drains", () => {
  test("waits for those who may come back, until somebody has read the end", async () => {
    const waits = begin("counts", [3, 20]);
    await client.has(waits.id, 1);
    client.peer.destroy();
    let drained = false;
    const over = stage.worker.drain(5000, true).then(() => {
      drained = true;
    });
    await stage.frees(waits.slot);
    client = await stage.client();
    expect(drained).toBe(false);
    await client.over(attach(waits, 0));
    await over;
  });

  test("waits a moment for a client that left with the end on its way", async () => {
    const waits = begin("counts", [3, 20]);
    await client.over(waits.id);
    client.peer.destroy();
    let drained = false;
    const over = stage.worker.drain(5000, true).then(() => {
      drained = true;
    });
    client = await stage.client();
    expect(await client.over(attach(waits, 2))).toBeDefined();
    client.peer.destroy();
    expect(drained).toBe(false);
    await over;
  });

  test("waits for nobody when the server stops meanwhile", async () => {
    const waits = begin("counts", [3, 20]);
    await client.has(waits.id, 1);
    client.peer.destroy();
    const over = stage.worker.drain(60_000, true);
    await stage.frees(waits.slot);
    expect(stage.worker.streams.wanted).toBe(true);
    stage.worker.endLingering();
    await over;
  });
});
