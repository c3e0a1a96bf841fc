/** What a client keeps of its calls, to have them continued by another worker, and when it lets go of that. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DirtyClient, getDirtyClient } from "../../src/dirty/client.ts";
import { Continuation, MAX_EMITTED_IN_ALL } from "../../src/dirty/continuation.ts";
import { DirtyWorkerError } from "../../src/protocol/errors.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { type Listener, StandIn } from "./stand-in.ts";
import { until } from "./wire-peer.ts";

const MIB = 1024 * 1024;
const APP = "./app.ts:App";

let side: StandIn;
let client: DirtyClient;

beforeEach(async () => {
  side = await StandIn.open();
  client = getDirtyClient();
});

afterEach(() => {
  side.close();
});

/** Begins a stream of an action that can be continued, which has sent two chunks already. */
async function begin(worker: Listener, slot: number, first = "a") {
  const leave = new AbortController();
  const read: unknown[] = [];
  const done = (async () => {
    for await (const chunk of client.with({ signal: leave.signal }).stream(APP, "run")) read.push(chunk);
  })().then(
    () => undefined,
    (error: unknown) => error,
  );
  const arbiter = await side.arbiter();
  const { id } = await arbiter.next(MSG.PLACE);
  arbiter.send([MSG.PLACED, id, { slot, worker: slot, socket: worker.path, continues: true }]);
  const peer = await worker.peer();
  const run = await peer.next(MSG.RUN);
  peer.send([MSG.STARTED, run.id], [MSG.CHUNK, run.id, { data: first }], [MSG.CHUNK, run.id, { data: "b" }]);
  await until(
    () => "both chunks come",
    () => read.length === 2,
  );
  return { arbiter, peer, run: run.id, read, done, leave };
}

const kept = () => side.host.context.emitted.kept;

test("what was kept is given back when a call ends, fails or is left", async () => {
  const ended = await begin(await side.listen("w1"), 1);
  expect(kept()).toBeGreaterThan(0);
  ended.peer.send([MSG.END, ended.run]);
  expect(await ended.done).toBeUndefined();
  expect(kept()).toBe(0);

  const failed = await begin(await side.listen("w2"), 2);
  expect(kept()).toBeGreaterThan(0);
  failed.peer.send([
    MSG.ERROR,
    failed.run,
    { error: { error_type: "DirtyAppError", message: "x", details: {} } },
  ]);
  expect(await failed.done).toMatchObject({ message: "x" });
  expect(kept()).toBe(0);

  const left = await begin(await side.listen("w3"), 3);
  expect(kept()).toBeGreaterThan(0);
  left.leave.abort();
  await left.done;
  expect(kept()).toBe(0);
});

test("a run whose chunks were given up while it waited for another worker fails, and repeats none", async () => {
  const call = await begin(await side.listen("w1"), 1, "a".repeat(3 * MIB));
  call.peer.destroy();
  const again = await call.arbiter.next(MSG.PLACE);
  // Together with what others keep it is too much, and this one keeps the most.
  const { emitted } = side.host.context;
  for (let left = MAX_EMITTED_IN_ALL; left > 0; left -= 2 * MIB) new Continuation(emitted).add("x", 2 * MIB);
  const next = await side.listen("w2");
  call.arbiter.send([MSG.PLACED, again.id, { slot: 2, worker: 2, socket: next.path, continues: true }]);
  const error = await call.done;
  expect(error).toBeInstanceOf(DirtyWorkerError);
  expect(String(error)).toContain("it had sent too much to be continued by another");
  expect(call.read).toHaveLength(2);
  // The slot is given back, and nothing was asked of its worker.
  await call.arbiter.next(MSG.CANCEL);
  expect(next.peers.flatMap(({ frames }) => frames.map(({ type }) => type))).not.toContain(MSG.RUN);
});
