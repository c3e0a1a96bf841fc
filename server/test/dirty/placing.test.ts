/** The client's part of the rules: when it places again, what it reads to the end, and how long it waits. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DirtyClient, getDirtyClient } from "../../src/dirty/client.ts";
import type { DirtyStream } from "../../src/dirty/types.ts";
import {
  DirtyConnectionError,
  DirtyQueueTimeoutError,
  DirtyTimeoutError,
  DirtyWorkerError,
} from "../../src/protocol/errors.ts";
import type { RequestId } from "../../src/protocol/header.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { STREAM_MSG } from "../../src/protocol/stream-messages.ts";
import { WINDOW } from "../../src/protocol/window.ts";
import { type Listener, StandIn } from "./stand-in.ts";
import { until, type WirePeer } from "./wire-peer.ts";

const APP = "./app.ts:App";

let side: StandIn;
let worker: Listener;
let client: DirtyClient;

async function open(options?: Parameters<typeof StandIn.open>[0]): Promise<void> {
  side?.close();
  side = await StandIn.open(options);
  worker = await side.listen("w");
  client = getDirtyClient();
}

beforeEach(() => open());

afterEach(() => {
  side.close();
});

/** Awaits a call at once, and keeps its failure as a value. */
function outcome(call: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(
    call.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    ),
  );
}

test("a reader of a stream that others keep alive is not turned away after three dead workers", async () => {
  const stream = createStreamId();
  const arbiter = await side.arbiter();
  const read: unknown[] = [];
  const done = (async () => {
    for await (const chunk of client.resume(stream)) read.push(chunk);
  })();
  let slot = 0;
  for (let deaths = 0; deaths < 4; deaths++) {
    const find = await arbiter.next(STREAM_MSG.FIND);
    expect(find.dict["lost"] ?? 0).toBe(slot);
    slot = deaths + 1;
    const doomed = await side.listen(`d${deaths}`);
    arbiter.send([STREAM_MSG.FOUND, find.id, { worker: 1, socket: doomed.path, slot }]);
    const peer = await doomed.peer();
    await peer.next(STREAM_MSG.ATTACH);
    peer.destroy();
  }
  const find = await arbiter.next(STREAM_MSG.FIND);
  arbiter.send([STREAM_MSG.FOUND, find.id, { worker: 1, socket: worker.path, slot: 9 }]);
  const peer = await worker.peer();
  const attach = await peer.next(STREAM_MSG.ATTACH);
  const about = { app: "app:App", action: "run", args: [], request_id: "r", ms_left: 1000, continues: false };
  peer.send(
    [STREAM_MSG.ATTACHED, attach.id, about],
    [MSG.CHUNK, attach.id, { data: "at last" }],
    [MSG.END, attach.id],
  );
  await done;
  expect(read).toEqual(["at last"]);
});

test("a stream whose worker dies while it is ended by its name is ended where it went", async () => {
  const done = outcome(client.cancel(createStreamId()));
  const arbiter = await side.arbiter();
  const doomed = await side.listen("d");
  const first = await arbiter.next(STREAM_MSG.END_STREAM);
  arbiter.send([STREAM_MSG.FOUND, first.id, { worker: 1, socket: doomed.path, slot: 1 }]);
  const dying = await doomed.peer();
  await dying.next(STREAM_MSG.END_STREAM);
  dying.destroy();
  const second = await arbiter.next(STREAM_MSG.END_STREAM);
  arbiter.send([STREAM_MSG.FOUND, second.id, { worker: 2, socket: worker.path, slot: 2 }]);
  const peer = await worker.peer();
  const end = await peer.next(STREAM_MSG.END_STREAM);
  expect(end.dict["slot"]).toBe(2);
  peer.send([MSG.RESPONSE, end.id, { result: null }]);
  expect(await done).toEqual({ value: undefined });
});

describe("a stream that has ended, read from a worker", () => {
  const about = { app: "app:App", action: "run", args: [], request_id: "r", continues: false };
  let peer: WirePeer;
  let id: RequestId;

  /** Answers the ATTACH of a reader. */
  async function attached(more: object = {}): Promise<void> {
    const arbiter = await side.arbiter();
    const find = await arbiter.next(STREAM_MSG.FIND);
    arbiter.send([STREAM_MSG.FOUND, find.id, { worker: 1, socket: worker.path, slot: 9 }]);
    peer = await worker.peer();
    ({ id } = await peer.next(STREAM_MSG.ATTACH));
    peer.send([STREAM_MSG.ATTACHED, id, { ...about, ...more }]);
  }

  beforeEach(() => open({ queueTimeout: 0.1 }));

  test.for<[name: string, read: (steps: DirtyStream<unknown>) => AsyncIterable<unknown>]>([
    ["one by one", (steps) => steps],
    ["in batches", (steps) => steps.batches()],
  ])("that is stopped, %s: its reader is told within the time for an answer", async ([, read]) => {
    const got: unknown[] = [];
    const result = outcome(
      (async () => {
        for await (const step of read(client.resume(createStreamId()))) got.push(step);
      })(),
    );
    await attached();
    peer.send([MSG.CHUNK, id, { data: "one" }]);
    await until(
      () => "the first chunk",
      () => got.length === 1,
    );
    expect(await result).toMatchObject({ error: expect.any(DirtyConnectionError) });
    await peer.next(MSG.CANCEL);
  });

  test("goes on for longer than that where its chunks come, or its reader takes its time", async () => {
    const stream = client.resume(createStreamId())[Symbol.asyncIterator]();
    const first = stream.next();
    await attached();
    for (let n = 0; n < 3; n++) {
      peer.send([MSG.CHUNK, id, { data: n }]);
      expect(await (n === 0 ? first : stream.next())).toEqual({ done: false, value: n });
      // A bit less than the 1.1 s that a worker has.
      if (n < 2) await new Promise((resolve) => setTimeout(resolve, 800));
    }
    peer.send([MSG.CHUNK, id, { data: "kept" }], [MSG.CHUNK, id, { data: "last" }]);
    expect(await stream.next()).toEqual({ done: false, value: "kept" });
    await new Promise((resolve) => setTimeout(resolve, 1300));
    peer.send([MSG.END, id]);
    expect(await stream.next()).toEqual({ done: false, value: "last" });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test("goes on also where only what the reader has already comes", async () => {
    const stream = client.resume(createStreamId(), { after: 4 })[Symbol.asyncIterator]();
    const next = outcome(stream.next());
    await attached({ continues: true, emitted: [0] });
    for (let n = 1; n < 5; n++) {
      peer.send([MSG.CHUNK, id, { data: n }]);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(await next).toEqual({ value: { done: false, value: 4 } });
    await stream.return?.(undefined);
  });
});

describe("a worker that refuses a slot", () => {
  test("has the request placed again, with its old arrival and an id of its own", async () => {
    const result = outcome(client.execute(APP, "add"));
    const first = await side.grant(worker.path);
    const peer = await worker.peer();
    const run = await peer.next(MSG.RUN);
    peer.send([MSG.NACK, run.id]);
    const again = await side.grant(worker.path);
    expect(again.dict["arrival"]).toBe(first.dict["arrival"]);
    expect(again.id).not.toBe(first.id);
    expect([first.dict["again"], again.dict["again"]]).toEqual([undefined, true]);
    const second = await peer.next(MSG.RUN);
    expect(second.id).not.toBe(run.id);
    expect(second.dict["slot"]).toBe(again.slot);
    peer.send([MSG.RESPONSE, second.id, { result: "at last" }]);
    expect(await result).toEqual({ value: "at last" });
  });

  test("each time is given up after a while", async () => {
    const result = outcome(client.execute(APP, "add"));
    let tries = 0;
    let over = false;
    void result.then(() => {
      over = true;
    });
    const arbiter = await side.arbiter();
    while (!over && tries < 50) {
      await until(
        () => "the request comes again, or is given up",
        () => over || arbiter.all(MSG.PLACE).length > tries,
      );
      if (over) break;
      tries++;
      await side.grant(worker.path);
      const peer = worker.peers[0] ?? (await worker.peer());
      peer.send([MSG.NACK, (await peer.next(MSG.RUN)).id]);
    }
    expect(await result).toMatchObject({ error: expect.any(DirtyWorkerError) });
    expect(tries).toBe(11);
  });
});

describe("a worker whose socket ends", () => {
  test("before STARTED: the request is placed again", async () => {
    const result = outcome(client.execute(APP, "add"));
    const first = await side.grant(worker.path);
    const doomed = await worker.peer();
    await doomed.next(MSG.RUN);
    doomed.leave();
    const again = await side.grant(worker.path);
    expect(again.dict["arrival"]).toBe(first.dict["arrival"]);
    expect(again.dict["again"]).toBe(true);
    const healthy = await worker.peer();
    const { id } = await healthy.next(MSG.RUN);
    healthy.send([MSG.RESPONSE, id, { result: 1 }]);
    expect(await result).toEqual({ value: 1 });
  });

  test("three times before STARTED: the request is not tried a fourth time", async () => {
    const result = outcome(client.execute(APP, "poison"));
    for (let count = 0; count < 3; count++) {
      await side.grant(worker.path);
      const peer = await worker.peer();
      await peer.next(MSG.RUN);
      peer.leave();
    }
    expect(await result).toMatchObject({ error: expect.any(DirtyWorkerError) });
    expect((await side.arbiter()).all(MSG.PLACE)).toHaveLength(3);
  });

  test("and which the dirty arbiter takes for alive a while longer: that is one death", async () => {
    const result = outcome(client.execute(APP, "add"));
    for (let count = 0; count < 5; count++) {
      await side.grant(worker.path, 7);
      const peer = await worker.peer();
      await peer.next(MSG.RUN);
      peer.leave();
    }
    const run = await side.take(worker);
    run.returns(1);
    expect(await result).toEqual({ value: 1 });
  });

  test("with another, and both are taken for alive a while longer: those are two deaths", async () => {
    const result = outcome(client.execute(APP, "add"));
    for (const id of [7, 8, 7, 8, 7]) {
      await side.grant(worker.path, id);
      const peer = await worker.peer();
      await peer.next(MSG.RUN);
      peer.leave();
    }
    const run = await side.take(worker);
    run.returns(1);
    expect(await result).toEqual({ value: 1 });
  });

  test("and cannot be reached at all: the request is placed again", async () => {
    const result = outcome(client.execute(APP, "add"));
    await side.grant(side.pathOf("absent"));
    const run = await side.take(worker);
    run.returns(1);
    expect(await result).toEqual({ value: 1 });
  });

  test("after STARTED: all that it sent is given first, then its error", async () => {
    const iterator = client.stream(APP, "gen")[Symbol.asyncIterator]();
    const first = iterator.next();
    const run = await side.take(worker);
    run.started();
    run.chunks(...Array.from({ length: 1000 }, (_, index) => index));
    run.worker.leave();
    expect((await first).value).toBe(0);
    for (let index = 1; index < 1000; index++) expect((await iterator.next()).value).toBe(index);
    await expect(iterator.next()).rejects.toThrow(DirtyWorkerError);
    expect((await side.arbiter()).all(MSG.PLACE)).toHaveLength(1);
  });

  test("right behind the answer: the answer stands", async () => {
    const result = outcome(client.execute(APP, "add"));
    const run = await side.take(worker);
    run.started();
    run.returns("whole");
    run.worker.leave();
    expect(await result).toEqual({ value: "whole" });
  });

  test("right behind the end of a stream: the stream is whole", async () => {
    const values: unknown[] = [];
    const loop = (async () => {
      for await (const value of client.stream(APP, "gen")) values.push(value);
    })();
    const run = await side.take(worker);
    run.started();
    run.chunks(1, 2);
    run.ends();
    run.worker.leave();
    await loop;
    expect(values).toEqual([1, 2]);
  });

  test("takes only its own runs with it", async () => {
    const other = await side.listen("w2");
    const lost = outcome(client.execute(APP, "lost"));
    const dying = await side.take(worker);
    dying.started();
    const kept = outcome(client.execute(APP, "kept"));
    const living = await side.take(other);
    living.started();
    dying.worker.leave();
    expect(await lost).toMatchObject({ error: expect.any(DirtyWorkerError) });
    living.returns("still here");
    expect(await kept).toEqual({ value: "still here" });
  });
});

describe("a dirty arbiter that is replaced", () => {
  test("is asked again for what waits, with the old arrival, in the old order", async () => {
    const results = [outcome(client.execute(APP, "one")), outcome(client.execute(APP, "two"))];
    const old = await side.arbiter();
    await old.next(MSG.PLACE);
    await old.next(MSG.PLACE);
    const arbiter = await side.replaceArbiter();
    await arbiter.next(MSG.HELLO);
    for (const [index, before] of old.all(MSG.PLACE).entries()) {
      const { dict } = await arbiter.next(MSG.PLACE);
      expect(dict).toEqual(before.dict);
      expect(dict["action"]).toBe(["one", "two"][index]);
    }
    for (const { id } of arbiter.all(MSG.PLACE)) {
      arbiter.send([MSG.PLACED, id, { slot: Number(id), worker: 1, socket: worker.path, continues: false }]);
    }
    const peer = await worker.peer();
    for (let count = 0; count < 2; count++) {
      const { id, dict } = await peer.next(MSG.RUN);
      peer.send([MSG.RESPONSE, id, { result: dict["action"] }]);
    }
    expect(await Promise.all(results)).toEqual([{ value: "one" }, { value: "two" }]);
  });

  test("is told which requests the old one had let in", async () => {
    const results = [outcome(client.execute(APP, "waits")), outcome(client.execute(APP, "asks"))];
    const old = await side.arbiter();
    const first = await old.next(MSG.PLACE);
    await old.next(MSG.PLACE);
    old.send([MSG.QUEUED, first.id, { position: 0 }]);
    // What is sent behind it is heard behind it.
    old.leave();
    const arbiter = await side.replaceArbiter();
    const [waits, asks] = [await arbiter.next(MSG.PLACE), await arbiter.next(MSG.PLACE)];
    expect([waits.dict["action"], waits.dict["again"]]).toEqual(["waits", true]);
    expect([asks.dict["action"], asks.dict["again"]]).toEqual(["asks", undefined]);
    for (const { id } of [waits, asks])
      arbiter.send([MSG.ERROR, id, { error: { error_type: "DirtyError" } }]);
    await Promise.all(results);
  });

  test("leaves running streams untouched", async () => {
    const values: unknown[] = [];
    const loop = (async () => {
      for await (const value of client.stream(APP, "gen")) values.push(value);
    })();
    const run = await side.take(worker);
    run.started();
    run.chunks(1);
    await side.replaceArbiter();
    run.chunks(2);
    run.ends();
    await loop;
    expect(values).toEqual([1, 2]);
  });

  test("is not asked for what was given up meanwhile", async () => {
    const abort = new AbortController();
    const given = outcome(client.with({ signal: abort.signal }).execute(APP, "given up"));
    const old = await side.arbiter();
    await old.next(MSG.PLACE);
    const kept = outcome(client.execute(APP, "kept"));
    old.destroy();
    abort.abort();
    await given;
    const arbiter = await side.replaceArbiter();
    expect((await arbiter.next(MSG.PLACE)).dict["action"]).toBe("kept");
    const { id } = arbiter.all(MSG.PLACE)[0] ?? { id: 0 };
    arbiter.send([MSG.PLACED, id, { slot: 1, worker: 1, socket: worker.path, continues: false }]);
    const peer = await worker.peer();
    peer.send([MSG.RESPONSE, (await peer.next(MSG.RUN)).id, { result: 1 }]);
    await kept;
    expect(arbiter.all(MSG.PLACE)).toHaveLength(1);
  });
});

describe("credit", () => {
  const chunk = "x".repeat(10_000);

  test("is granted as the consumer passes chunks on, half a window at a time", async () => {
    const iterator = client.stream(APP, "gen")[Symbol.asyncIterator]();
    const first = iterator.next();
    const run = await side.take(worker);
    run.chunks(...Array.from({ length: 20 }, () => chunk));
    await first;
    for (let count = 0; count < 12; count++) await iterator.next();
    expect(run.worker.all(MSG.CREDIT)).toEqual([]);
    await iterator.next();
    const { id, dict } = await run.worker.next(MSG.CREDIT);
    expect(id).toBe(run.id);
    expect(dict["bytes"]).toBeGreaterThanOrEqual(WINDOW / 2);
    expect(dict["bytes"]).toBeLessThan(WINDOW / 2 + 20_000);
  });

  test("is not granted while the reader does not ask for the next chunk", async () => {
    const iterator = client.stream(APP, "gen")[Symbol.asyncIterator]();
    const first = iterator.next();
    const run = await side.take(worker);
    run.chunks(...Array.from({ length: 25 }, () => chunk));
    await first;
    const other = outcome(client.execute(APP, "other"));
    (await side.take(worker)).returns(1);
    await other;
    expect(run.worker.all(MSG.CREDIT)).toEqual([]);
  });
});

describe("time", () => {
  test("of a run that does not end is over soon after its deadline", async () => {
    await open({ timeout: 0.2 });
    const began = Date.now();
    const result = outcome(client.execute(APP, "hangs"));
    const run = await side.take(worker);
    run.started();
    expect(await result).toMatchObject({ error: expect.any(DirtyTimeoutError) });
    expect(Date.now() - began).toBeGreaterThanOrEqual(195);
    expect((await run.worker.next(MSG.CANCEL)).id).toBe(run.id);
  });

  test("of a run begins when it has its slot, not in the queue", async () => {
    await open({ timeout: 0.3 });
    const result = outcome(client.execute(APP, "waits"));
    const arbiter = await side.arbiter();
    const { id, at } = await arbiter.next(MSG.PLACE);
    await until(
      () => "its own time has passed in the queue",
      () => Date.now() - at > 350,
    );
    arbiter.send([MSG.PLACED, id, { slot: 1, worker: 1, socket: worker.path, continues: false }]);
    const peer = await worker.peer();
    const run = await peer.next(MSG.RUN);
    expect(run.dict["ms_left"]).toBe(300);
    peer.send([MSG.RESPONSE, run.id, { result: "in time" }]);
    expect(await result).toEqual({ value: "in time" });
  });

  test("in a queue that never moves ends too, and says when to come back", async () => {
    await open({ queueTimeout: 0.1 });
    const result = outcome(client.execute(APP, "waits"));
    await (await side.arbiter()).next(MSG.PLACE);
    const { error } = (await result) as { error: DirtyQueueTimeoutError };
    expect(error).toBeInstanceOf(DirtyQueueTimeoutError);
    expect(error.retryAfter).toBeGreaterThanOrEqual(1);
    expect(error.retryAfter).toBeLessThanOrEqual(30);
  });

  test("in a queue may be as long as a setting can say", async () => {
    await open({ queueTimeout: 1_000_000 });
    const result = outcome(client.execute(APP, "waits"));
    const arbiter = await side.arbiter();
    const { id, at } = await arbiter.next(MSG.PLACE);
    await until(
      () => "a timer that is too long has fired",
      () => Date.now() - at > 50,
    );
    expect(arbiter.all(MSG.CANCEL)).toEqual([]);
    arbiter.send([MSG.PLACED, id, { slot: 1, worker: 1, socket: worker.path, continues: false }]);
    const peer = await worker.peer();
    peer.send([MSG.RESPONSE, (await peer.next(MSG.RUN)).id, { result: "patience" }]);
    expect(await result).toEqual({ value: "patience" });
  });

  test("without a dirty arbiter ends with a connection error", async () => {
    await open({ queueTimeout: 0.1 });
    (await side.arbiter()).destroy();
    side.listeners[0]?.close();
    expect(await outcome(client.execute(APP, "waits"))).toMatchObject({
      error: expect.any(DirtyConnectionError),
    });
  });
});
