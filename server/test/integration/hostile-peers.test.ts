/**
 * Whatever a peer sends to a dirty socket, only its own connection ends. A stream runs through all of it, and has every
 * token at the end.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MSG } from "../../src/protocol/messages.ts";
import { slotId } from "../../src/protocol/slot.ts";
import { until, type WirePeer } from "../dirty/wire-peer.ts";
import {
  rawBytes,
  rawDict,
  rawFrame,
  rawHeader,
  rawInt,
  rawList,
  rawString,
  rawValue,
  u32,
} from "../protocol/bytes.ts";
import { Fleet, run } from "./fleet.ts";
import { isAlive } from "./harness.ts";

const APP = `
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";

export class App extends DirtyApp {
  static concurrency = 100;
  echo(...args) { return args; }
  add(a, b) { return a + b; }
  polluted() { return Object.keys(Object.prototype).concat(({}).polluted ?? []); }
  async *counts() { for (let n = 0; !this.request.signal.aborted; n++) { yield n; await sleep(2); } }
}
`;

const SPEC = "./app.mjs:App";
const MIB = 1024 * 1024;

let fleet: Fleet;
/** Tokens of the stream that runs through everything. */
const tokens: unknown[] = [];
let streamError: unknown;
/** Slots of the test's own making, far from those that are granted. */
let lastSlot = 1_000_000;
const leave = new AbortController();

beforeAll(async () => {
  fleet = await Fleet.open({ app: APP, flags: ["--log-file", "server.log", "--log-level", "warn"] });
  const loop = async () => {
    for await (const token of fleet.client.with({ signal: leave.signal }).stream(SPEC, "counts"))
      tokens.push(token);
  };
  loop().catch((error: unknown) => {
    streamError = error;
  });
});

afterAll(async () => {
  leave.abort();
  await fleet.close();
});

/** The peer itself is told, and no other peer notices. */
async function expectCutOff(peer: WirePeer): Promise<void> {
  await peer.end();
  const errors = peer.all(MSG.ERROR).map(({ dict }) => dict["error"] as { error_type: string });
  expect(errors.map(({ error_type }) => error_type)).toEqual(["DirtyProtocolError"]);
  await expectServing();
}

async function expectServing(): Promise<void> {
  const before = tokens.length;
  expect(await fleet.client.execute(SPEC, "add", 1, 1)).toBe(2);
  await until(
    () => `the stream goes on; it ended with ${String(streamError)}`,
    () => tokens.length > before,
  );
  expect(streamError).toBeUndefined();
}

/** MB that the dirty arbiter and the worker use. */
function resident(): number {
  return [fleet.arbiter, ...fleet.workers]
    .map(({ pid }) => /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
    .reduce((sum, kilobytes) => sum + Number(kilobytes) / 1024, 0);
}

function nestedLists(levels: number): Buffer {
  return Buffer.concat([...Array.from({ length: levels - 1 }, () => Buffer.of(0x20, 0, 0, 0, 1)), rawList()]);
}

const REQUEST = rawValue({ app_path: "app.mjs:App", action: "add", args: [1, 1], kwargs: {} });

/** The same random bytes each time. */
function random(seed: number, length: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
}

/** Bytes that are wrong on every socket, from every kind of peer. */
const BROKEN: [name: string, bytes: Buffer][] = [
  ["another magic", rawHeader(MSG.REQUEST, 1, 0, { magic: "GE" })],
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["a TLS handshake", Buffer.from("16030100c8010000c40303000102030405060708", "hex")],
  ["zeros", Buffer.alloc(1000)],
  ["version 0", rawHeader(MSG.REQUEST, 1, 0, { version: 0 })],
  ["version 2", rawHeader(MSG.REQUEST, 1, 0, { version: 2 })],
  ["a length of 4 GiB", rawHeader(MSG.REQUEST, 1, 0xffff_ffff)],
  ["a length of 64 MiB and one byte", rawHeader(MSG.REQUEST, 1, 64 * MIB + 1)],
  ["an unknown type", rawFrame(0x1f, 1, REQUEST)],
  ["the type 0", rawFrame(0, 1, REQUEST)],
  ["the type 0xff", rawFrame(0xff, 1, REQUEST)],
  ...[1, 2, 3, 4, 5].map((seed): [string, Buffer] => [`random bytes (${seed})`, random(seed, 64 * 1024)]),
];

/** Payloads that no message may have. */
const PAYLOADS: [name: string, payload: Buffer][] = [
  ["nothing", Buffer.alloc(0)],
  ["a list", rawList(rawInt(1n))],
  ["text", rawString("hello")],
  ["bytes", rawBytes(Buffer.from("hello"))],
  ["null", Buffer.of(0)],
  ["a value that is cut off", REQUEST.subarray(0, -3)],
  ["a value with a byte behind it", Buffer.concat([REQUEST, Buffer.of(0)])],
  ["two values", Buffer.concat([REQUEST, REQUEST])],
  ["an unknown type of value", Buffer.of(0x7f, 0, 0, 0, 0)],
  ["1,000 lists inside one another", nestedLists(1000)],
  ["a million lists inside one another", nestedLists(1_000_000)],
  ["a string of 4 GiB", Buffer.concat([Buffer.of(0x11), u32(0xffff_ffff), Buffer.from("abc")])],
  ["a list of 4 billion items", Buffer.concat([Buffer.of(0x20), u32(0xffff_ffff), Buffer.from("abc")])],
  ["a dict with a number as its key", Buffer.concat([Buffer.of(0x21), u32(1), rawInt(1n), rawInt(1n)])],
  ["broken UTF-8", rawDict(["app_path", rawString(Buffer.from([0xff, 0xfe]))])],
  ["no fields", rawDict()],
  ["its fields in __proto__", rawDict(["__proto__", REQUEST])],
];

describe.each(["the dirty arbiter", "a dirty worker"])("%s", (where) => {
  const path = () => (where === "a dirty worker" ? fleet.socketOf(fleet.workers[0]) : fleet.path);

  test.for(BROKEN)("ends a connection that sends %s", async ([, bytes]) => {
    const peer = await fleet.stranger(path());
    peer.sendBytes(bytes);
    await expectCutOff(peer);
  });

  test.for(BROKEN)("ends a connection that said HELLO and sends %s", async ([, bytes]) => {
    const peer = await fleet.friend(path());
    peer.sendBytes(bytes);
    await expectCutOff(peer);
  });

  test.for(PAYLOADS)("ends a connection whose HELLO holds %s", async ([, payload]) => {
    const peer = await fleet.stranger(path());
    peer.sendBytes(rawFrame(MSG.HELLO, 0, payload));
    await expectCutOff(peer);
  });

  test.for<[name: string, hello: Record<string, unknown>]>([
    ["the wrong token", { token: "wrong", role: "http-worker", id: 1, pid: 1 }],
    ["an empty token", { token: "", role: "http-worker", id: 1, pid: 1 }],
    ["a token that is a list", { token: ["a"], role: "http-worker", id: 1, pid: 1 }],
    ["no token", { role: "http-worker", id: 1, pid: 1 }],
    ["the wrong token, as a worker", { token: "x".repeat(36), role: "dirty-worker", id: 1, pid: 1 }],
  ])("ends a connection whose HELLO has %s", async ([, hello]) => {
    const peer = await fleet.stranger(path());
    peer.sendBytes(rawFrame(MSG.HELLO, 0, rawValue(hello)));
    await expectCutOff(peer);
    expect(peer.all(MSG.WELCOME)).toEqual([]);
  });

  test("ends a connection whose HELLO has a role that there is not", async () => {
    const peer = await fleet.stranger(path());
    peer.send([MSG.HELLO, 0, { ...fleet.hello("http-worker", 1), role: "arbiter" }]);
    await expectCutOff(peer);
  });

  test("ends a connection that uses our own types without HELLO", async () => {
    for (let type = MSG.WELCOME; type <= MSG.REVOKE; type++) {
      const peer = await fleet.stranger(path());
      peer.send([type, 1, { slot: 1, app: "app:App", action: "add", args: [], ms_left: 1, request_id: "r" }]);
      await peer.end();
      expect(peer.all(MSG.ERROR)).toHaveLength(1);
    }
    await expectServing();
  });

  test("keeps no memory for lengths that are only announced", async () => {
    const before = resident();
    const peers = await Promise.all(Array.from({ length: 50 }, () => fleet.stranger(path())));
    for (const peer of peers) {
      peer.sendBytes(Buffer.concat([rawHeader(MSG.HELLO, 0, 64 * MIB), Buffer.alloc(1000)]));
    }
    await expectServing();
    expect(resident() - before).toBeLessThan(64);
    for (const peer of peers) peer.destroy();
    await expectServing();
  });

  test("logs strangers that come again and again once, and not each", async () => {
    const told = () =>
      readFileSync(join(fleet.folder, "server.log"), "utf8").split(
        `a connection to ${where.replace(/^a /, "the ")} failed`,
      );
    const before = told().length;
    for (let n = 0; n < 40; n++) {
      const peer = await fleet.stranger(path());
      peer.sendBytes(Buffer.alloc(16));
      await peer.end();
    }
    // What comes within ten seconds is one more line.
    expect(told().length).toBeGreaterThan(1);
    expect(told().length - before).toBeLessThan(10);
  });

  test("does not mind connections that say nothing, or leave in the middle of a frame", async () => {
    const silent = await Promise.all(Array.from({ length: 100 }, () => fleet.stranger(path())));
    for (const [index, peer] of silent.entries()) {
      if (index % 2 === 0) peer.sendBytes(rawFrame(MSG.HELLO, 0, REQUEST).subarray(0, index));
    }
    await expectServing();
    for (const peer of silent) peer.destroy();
    await expectServing();
  });
});

describe("the gateway", () => {
  test.for(PAYLOADS)("ends a connection whose REQUEST holds %s", async ([, payload]) => {
    const peer = await fleet.stranger(fleet.path);
    peer.sendBytes(rawFrame(MSG.REQUEST, 1, payload));
    await expectCutOff(peer);
  });

  test.for<[name: string, request: Record<string, unknown>]>([
    ["an app that is a number", { app_path: 5, action: "add", args: [], kwargs: {} }],
    ["an action that is a list", { app_path: "app:App", action: ["add"], args: [], kwargs: {} }],
    ["arguments that are a dict", { app_path: "app:App", action: "add", args: {}, kwargs: {} }],
    ["keyword arguments that are a list", { app_path: "app:App", action: "add", args: [], kwargs: [] }],
  ])("ends a connection whose REQUEST has %s", async ([, request]) => {
    const peer = await fleet.stranger(fleet.path);
    peer.sendBytes(rawFrame(MSG.REQUEST, 1, rawValue(request)));
    await expectCutOff(peer);
  });

  test("takes __proto__ as data, wherever it stands", async () => {
    const proto = rawDict(["__proto__", rawDict(["polluted", rawInt(1n)])]);
    const request = rawDict(
      ["app_path", rawString("app.mjs:App")],
      ["action", rawString("echo")],
      ["args", rawList(proto, rawList(proto))],
      ["kwargs", proto],
      ["__proto__", proto],
    );
    const peer = await fleet.stranger(fleet.path);
    peer.sendBytes(rawFrame(MSG.REQUEST, 1, request));
    const { dict } = await peer.next(MSG.RESPONSE);
    const [first] = dict["result"] as [object];
    expect(Object.getOwnPropertyNames(first)).toEqual(["__proto__"]);
    expect(await fleet.client.execute(SPEC, "polluted")).toEqual([]);
    for (const action of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      peer.send([MSG.REQUEST, 2, { app_path: "app.mjs:App", action, args: [], kwargs: {} }]);
      expect((await peer.next(MSG.ERROR)).dict["error"]).toMatchObject({
        error_type: "DirtyAppNotFoundError",
      });
    }
  });

  test("reads a request that comes one byte at a time", async () => {
    const peer = await fleet.stranger(fleet.path);
    for (const byte of rawFrame(MSG.REQUEST, 3, REQUEST)) {
      peer.sendBytes(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await peer.next(MSG.RESPONSE)).dict).toEqual({ result: 2 });
  });

  test("answers what came before the broken bytes, as far as it was read", async () => {
    const peer = await fleet.stranger(fleet.path);
    peer.sendBytes(rawFrame(MSG.REQUEST, 1, REQUEST));
    await peer.next(MSG.RESPONSE);
    peer.sendBytes(
      Buffer.concat([rawFrame(MSG.REQUEST, 2, REQUEST), Buffer.from("garbage of 16 bytes and more")]),
    );
    await peer.end();
    expect(peer.all(MSG.ERROR).map(({ id }) => id)).toEqual([0]);
  });
});

describe("a dirty worker, of a client that knows the token,", () => {
  test.for<[name: string, type: number, value: unknown]>([
    ["a RUN without its fields", MSG.RUN, { slot: 1 }],
    [
      "a RUN whose arguments are a dict",
      MSG.RUN,
      { slot: 1, app: "app:App", action: "add", args: {}, ms_left: 1, request_id: "r" },
    ],
    ["a CREDIT of less than nothing", MSG.CREDIT, { bytes: -5 }],
    ["a CREDIT that is text", MSG.CREDIT, { bytes: "many" }],
    ["a second HELLO", MSG.HELLO, { token: "x", role: "http-worker", id: 1, pid: 1 }],
    ["a REQUEST", MSG.REQUEST, { app_path: "app:App", action: "add" }],
    ["a PLACE", MSG.PLACE, { app: "app:App" }],
    ["a FREE", MSG.FREE, { slot: 1 }],
  ])("refuses %s", async ([, type, value]) => {
    const peer = await fleet.friend(fleet.socketOf(fleet.workers[0]));
    run(peer, 1, slotId(fleet.arbiter.id, ++lastSlot), "counts");
    await peer.next(MSG.CHUNK);
    peer.send([type, 1, value]);
    await expectCutOff(peer);
  });
});

test("after all of it the stream has every token once and in order, and the same processes live", async () => {
  expect(tokens.length).toBeGreaterThan(100);
  expect(tokens).toEqual(tokens.map((_, n) => n));
  expect(streamError).toBeUndefined();
  for (const { pid } of [fleet.arbiter, ...fleet.workers]) expect(isAlive(pid)).toBe(true);
});
