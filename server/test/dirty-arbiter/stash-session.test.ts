import { afterEach, beforeEach, expect, test } from "vitest";
import { MSG } from "../../src/protocol/messages.ts";
import { STASH } from "../../src/protocol/stash-messages.ts";
import { until, type WirePeer } from "../dirty/wire-peer.ts";
import { RunningArbiter, TOKEN } from "./running-arbiter.ts";

let arbiter: RunningArbiter;

beforeEach(async () => {
  arbiter = await RunningArbiter.open();
});

afterEach(() => {
  arbiter.close();
});

/** A process's connection for the stash. */
async function client(name = "client"): Promise<WirePeer> {
  const peer = await arbiter.stranger();
  peer.send([MSG.HELLO, 0, { token: TOKEN, role: "stash", id: 1, pid: process.pid, client: name }]);
  await peer.next(MSG.WELCOME);
  return peer;
}

test("a client that does not read its answers fills no memory, holds up no other client, and has them all in the end", async () => {
  const slow = await client();
  const value = "x".repeat(1024 * 1024);
  slow.send([MSG.STASH, 1, { op: STASH.PUT, table: "t", key: "k", value }]);
  await slow.next(MSG.RESPONSE);
  slow.pause();
  const before = process.memoryUsage().arrayBuffers;
  const count = 300;
  slow.send(
    ...Array.from({ length: count }, (_, n): [number, number, unknown] => [
      MSG.STASH,
      n + 2,
      { op: STASH.GET, table: "t", key: "k" },
    ]),
  );
  const other = await client("another");
  for (let n = 1; n <= 20; n++) {
    other.send([MSG.STASH, n, { op: STASH.INCR, table: "t", key: "n" }]);
    expect((await other.next(MSG.RESPONSE)).dict["result"]).toBe(n);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60 * 1024 * 1024);
  slow.resume();
  await until(
    () => "all answers have come",
    () => slow.all(MSG.RESPONSE).length === count + 1,
    50_000,
  );
  expect(slow.all(MSG.RESPONSE).map(({ id }) => id)).toEqual(
    Array.from({ length: count + 1 }, (_, n) => n + 1),
  );
});

test("what cannot be one answer is an error, and the connection stays", async () => {
  const peer = await client();
  peer.send([MSG.STASH, 1, { op: STASH.GET, table: "t", key: 5 }]);
  peer.send([MSG.STASH, 2, { op: 77, table: "t", key: "k" }]);
  peer.send([MSG.STASH, 3, { op: STASH.EXISTS, table: "t" }]);
  expect((await peer.next(MSG.RESPONSE)).dict["result"]).toBe(false);
  expect(peer.all(MSG.ERROR).map(({ id, dict }) => [id, Object(dict["error"]).error_type])).toEqual([
    [1, "StashError"],
    [2, "StashError"],
  ]);
});

test("a stash connection carries nothing else, and is told of nothing else", async () => {
  const peer = await client();
  const worker = await arbiter.worker(7);
  peer.send([MSG.STASH, 1, { op: STASH.TABLES, table: "" }]);
  await peer.next(MSG.RESPONSE);
  expect(peer.all(MSG.APPS)).toEqual([]);
  peer.send([MSG.PLACE, 2, { app: "app:App", action: "run", timeout: 1000, arrival: 0 }]);
  await peer.end();
  expect(worker.closed).toBe(false);
});

test("a value of 60 MiB comes and goes", async () => {
  const peer = await client();
  const value = Buffer.alloc(60 * 1024 * 1024, 7);
  peer.send([MSG.STASH, 1, { op: STASH.PUT, table: "t", key: "k", value }]);
  expect((await peer.next(MSG.RESPONSE, 50_000)).dict["result"]).toBe(true);
  peer.send([MSG.STASH, 2, { op: STASH.GET, table: "t", key: "k" }]);
  const { dict } = await peer.next(MSG.RESPONSE, 50_000);
  expect(value.equals(dict["result"] as Buffer)).toBe(true);
});
