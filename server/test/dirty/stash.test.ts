import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ClientHost, setUpDirtyClient } from "../../src/dirty/client.ts";
import { stash } from "../../src/dirty/stash.ts";
import { DirtyConnectionError, DirtyProtocolError, StashFullError } from "../../src/protocol/errors.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { STASH } from "../../src/protocol/stash-messages.ts";
import { Listener } from "./stand-in.ts";
import { until, type WirePeer } from "./wire-peer.ts";

let folder: string;
let listener: Listener;
let host: ClientHost;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  listener = await new Listener(join(folder, "d")).open();
  host = setUpDirtyClient({
    socket: listener.path,
    hello: { token: "token", role: "http-worker", id: 3, pid: process.pid },
    dirtyTimeout: 30,
    dirtyQueueTimeout: 30,
  });
});

afterEach(() => {
  host.close();
  listener.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The connection that the client opened for the stash. */
async function accepted(): Promise<WirePeer> {
  const peer = await listener.peer();
  await peer.next(MSG.HELLO);
  peer.send([MSG.WELCOME, 0, { epoch: 1 }]);
  return peer;
}

/** Answers the next operation. @returns what it asked for. */
async function answer(peer: WirePeer, result: unknown): Promise<Record<string, unknown>> {
  const { id, dict } = await peer.next(MSG.STASH);
  peer.send([MSG.RESPONSE, id, { result }]);
  return dict;
}

test("the stash has a connection of its own, which its first operation opens", async () => {
  host.open();
  await listener.peer();
  const size = stash.info("t");
  const peer = await listener.peer();
  const { dict } = await peer.next(MSG.HELLO);
  expect(dict).toMatchObject({
    token: "token",
    role: "stash",
    id: 3,
    client: expect.stringMatching(/^[\w-]{12}$/),
  });
  await answer(peer, { size: 1, table: "t", bytes: 2, max_entries: 3, max_bytes: 4, ttl: null });
  expect(await size).toEqual({ table: "t", size: 1, bytes: 2, maxEntries: 3, maxBytes: 4, ttl: undefined });
});

test("a key that is not there is the fallback", async () => {
  const found = Promise.all([
    stash.get("t", "k"),
    stash.get("t", "k", 5),
    stash.table<number>("t").get("k", 6),
  ]);
  const peer = await accepted();
  for (let n = 0; n < 3; n++) {
    const { id } = await peer.next(MSG.STASH);
    peer.send([MSG.ERROR, id, { error: { error_type: "StashKeyNotFoundError", message: "", details: {} } }]);
  }
  expect(await found).toEqual([undefined, 5, 6]);
});

test("an error of the stash keeps its class and its details", async () => {
  const full = stash.put("t", "k", 1);
  const failed = expect(full).rejects.toThrow(StashFullError);
  const peer = await accepted();
  const { id } = await peer.next(MSG.STASH);
  peer.send([
    MSG.ERROR,
    id,
    { error: { error_type: "StashFullError", message: "full", details: { limit: 1 } } },
  ]);
  await failed;
  await expect(full).rejects.toMatchObject({ details: { limit: 1 }, code: "STASH_FULL" });
});

test("a value is that of the moment in which it was put", async () => {
  const value = { n: 1 };
  const put = stash.put("t", "k", value);
  value.n = 2;
  const peer = await accepted();
  expect((await answer(peer, true))["value"]).toEqual({ n: 1 });
  await put;
});

describe("when the dirty arbiter goes away", () => {
  test("what had no answer is sent again, in its order, under the same name and ids", async () => {
    const first = stash.incr("t", "a");
    const peer = await accepted();
    await answer(peer, 1);
    expect(await first).toBe(1);
    const more = [stash.incr("t", "b"), stash.incr("t", "c", 2)];
    await until(
      () => "all have come",
      () => peer.all(MSG.STASH).length === 3,
    );
    peer.destroy();
    const successor = await accepted();
    const ids = [await successor.next(MSG.STASH), await successor.next(MSG.STASH)].map(({ id, dict }) => {
      successor.send([MSG.RESPONSE, id, { result: dict["by"] }]);
      return [id, dict["key"], dict["answered"]];
    });
    expect(ids).toEqual([
      [2, "b", 1],
      [3, "c", 1],
    ]);
    expect(successor.all(MSG.HELLO)[0]?.dict["client"]).toBe(peer.all(MSG.HELLO)[0]?.dict["client"]);
    expect(await Promise.all(more)).toEqual([1, 2]);
  });

  test("for good, what waits is told", async () => {
    const waits = expect(stash.get("t", "k")).rejects.toThrow(DirtyConnectionError);
    await accepted();
    host.close();
    await waits;
    await expect(stash.get("t", "k")).rejects.toThrow(DirtyConnectionError);
  });
});

describe("what is wrong on this side rejects, and sends nothing", () => {
  test.for<[string, () => Promise<unknown>, new (message: string) => Error]>([
    ["a key that is not a string", () => stash.get("t", 1 as never), TypeError],
    ["a table that is not a string", () => stash.clear(undefined as never), TypeError],
    ["a time to live of 0", () => stash.put("t", "k", 1, { ttl: 0 }), TypeError],
    ["a counter by text", () => stash.incr("t", "k", "1" as never), TypeError],
    ["a bound of 1.5 entries", () => stash.ensure("t", { maxEntries: 1.5 }), TypeError],
    ["a function as a value", () => stash.put("t", "k", () => {}), DirtyProtocolError],
  ])("%s", async ([, use, type]) => {
    await expect(use()).rejects.toThrow(type);
    expect(listener.peers).toEqual([]);
  });
});

test("undefined stands for no entry when it is compared, and for null when it is put", async () => {
  const done = Promise.all([stash.compareAndSet("t", "k", undefined, 1), stash.put("t", "k", undefined)]);
  const peer = await accepted();
  const compared = await answer(peer, true);
  expect(compared["op"]).toBe(STASH.COMPARE_AND_SET);
  expect("expected" in compared).toBe(false);
  expect(await answer(peer, true)).toMatchObject({ op: STASH.PUT, value: null });
  await done;
});

test("a long list of keys comes in parts, and anew where the connection is lost in the middle", async () => {
  const keys = stash.keys("t");
  const first = await accepted();
  const { id } = await first.next(MSG.STASH);
  first.send([MSG.CHUNK, id, { data: ["lost"] }]);
  // It has come when this one's answer has.
  const other = stash.exists("t");
  await answer(first, true);
  await other;
  first.destroy();
  const second = await accepted();
  const again = await second.next(MSG.STASH);
  second.send([MSG.CHUNK, again.id, { data: ["a", "b"] }], [MSG.CHUNK, again.id, { data: ["c"] }]);
  second.send([MSG.RESPONSE, again.id, { result: ["d"] }]);
  expect(await keys).toEqual(["a", "b", "c", "d"]);
  // None is left for the next.
  const more = stash.keys("t");
  await answer(second, ["e"]);
  expect(await more).toEqual(["e"]);
});
