import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { compileGlob } from "../../src/dirty-arbiter/glob.ts";
import { KeySearch } from "../../src/dirty-arbiter/key-search.ts";
import { StashStore } from "../../src/dirty-arbiter/stash-store.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { STASH } from "../../src/protocol/stash-messages.ts";
import { encodeValue } from "../../src/protocol/tlv-writer.ts";
import type { WirePeer } from "../dirty/wire-peer.ts";
import { RunningArbiter, TOKEN } from "./running-arbiter.ts";

/** What takes the time of a square where a pattern is tried at each character anew. */
const ATTACKS: [name: string, pattern: string, key: string][] = [
  ["a long text behind a star", `*${"a".repeat(500)}b`, "a".repeat(1000)],
  ["characters that may be any", `*${"a?".repeat(250)}b`, "a".repeat(1000)],
  ["sets", `*${"[ab]".repeat(200)}c`, "ab".repeat(500)],
  ["many stars", `${"*a".repeat(500)}*b`, "a".repeat(1000)],
  [
    "characters of many kinds",
    `*${"[!x]".repeat(200)}x`,
    String.fromCodePoint(...Array.from({ length: 300 }, (_, at) => 0x4e00 + at)),
  ],
];

function tableOf(keys: readonly string[], expires = Number.POSITIVE_INFINITY): StashStore {
  const store = new StashStore();
  for (const key of keys) store.apply({ kind: "set", table: "t", key, value: encodeValue(1), expires });
  return store;
}

function searchOf(store: StashStore, pattern?: string): KeySearch {
  return new KeySearch(store.tables.get("t")?.entries.values() ?? [], pattern, 100);
}

test("a pattern matches what the same regular expression does", () => {
  const piece = fc.constantFrom("*", "?", "a", "b", "é", "😀", "[ab]", "[!a]", "[a-c]", "[😀-😂]");
  const key = fc.string({ unit: fc.constantFrom("a", "b", "c", "é", "😀", "😁", "[") });
  fc.assert(
    fc.property(fc.array(piece), key, (pieces, text) => {
      const source = pieces.map((one) =>
        one.replace(/^\[!/, "[^").replace(/^\*$/, ".*").replace(/^\?$/, "."),
      );
      expect(compileGlob(pieces.join(""))(text)).toBe(new RegExp(`^${source.join("")}$`, "su").test(text));
    }),
    { numRuns: 2000 },
  );
  // More tokens than a word has bits.
  for (let length = 28; length < 100; length++) {
    const long = "ab".repeat(length).slice(0, length);
    expect(compileGlob(`*${long}?`)(`x${long}y`)).toBe(true);
    expect(compileGlob(`*${long}?`)(`x${long}`)).toBe(false);
    expect(compileGlob(`${long}*[yz]`)(`${long}xxz`)).toBe(true);
  }
});

describe("a search for keys", () => {
  test.each(ATTACKS)(
    "compares a character with each token of a pattern at most once for all keys: %s",
    (_name, pattern, key) => {
      const points = vi.spyOn(String.prototype, "codePointAt");
      const matches = compileGlob(pattern);
      const made = points.mock.calls.length;
      for (let count = 0; count < 50; count++) expect(matches(key)).toBe(false);
      const each = (points.mock.calls.length - made) / 50;
      points.mockRestore();
      // Once for each character, and a part of what each kind of character costs when it comes first.
      expect(each).toBeLessThan(60 * key.length);
    },
  );

  test("takes turns, and finds what there was when it began", () => {
    const keys = Array.from({ length: 100_000 }, (_, at) => `key ${at}`);
    const store = tableOf(keys);
    const search = searchOf(store, "*9");
    expect(search.turn()).toBe(false);
    store.apply({ kind: "remove", table: "t", key: "key 99999" });
    store.apply({ kind: "set", table: "t", key: "new 9", value: encodeValue(1), expires: 200 });
    let turns = 1;
    while (!search.turn()) turns++;
    expect(turns).toBeGreaterThan(2);
    expect(search.take()).toEqual(keys.filter((key) => key.endsWith("9")));
  });

  test("takes one turn where there is little, and leaves out what is over its time", () => {
    const search = searchOf(tableOf(["a", "b"]));
    expect(search.turn()).toBe(true);
    expect(search.take()).toEqual(["a", "b"]);
    const over = searchOf(tableOf(["a"], 50), "?");
    expect(over.turn()).toBe(true);
    expect(over.take()).toEqual([]);
  });
});

describe("while the dirty arbiter looks for keys", () => {
  let arbiter: RunningArbiter;

  beforeEach(async () => {
    arbiter = await RunningArbiter.open();
  });

  afterEach(() => {
    arbiter.close();
  });

  async function client(name: string): Promise<WirePeer> {
    const peer = await arbiter.stranger();
    peer.send([MSG.HELLO, 0, { token: TOKEN, role: "stash", id: 1, pid: process.pid, client: name }]);
    await peer.next(MSG.WELCOME);
    return peer;
  }

  const put = (peer: WirePeer, keys: readonly string[]) =>
    peer.send(
      ...keys.map((key, at): [number, number, unknown] => [
        MSG.STASH,
        at + 1,
        { op: STASH.PUT, table: "t", key, value: 1 },
      ]),
    );

  test("others are served, and its own client in order", async () => {
    const seeker = await client("seeker");
    const other = await client("other");
    put(
      seeker,
      Array.from({ length: 3000 }, (_, at) => `${"a".repeat(1000)}${at}`),
    );
    await vi.waitFor(() => expect(seeker.all(MSG.RESPONSE)).toHaveLength(3000), 50_000);
    const order: string[] = [];
    const keys = { op: STASH.KEYS, table: "t", pattern: `*${"a".repeat(1000)}b` };
    seeker.send([MSG.STASH, 5001, keys], [MSG.STASH, 5002, { op: STASH.EXISTS, table: "t" }]);
    other.send([MSG.STASH, 1, { op: STASH.EXISTS, table: "t" }]);
    await Promise.all([
      seeker.next(MSG.RESPONSE, 50_000).then(() => {}),
      other.next(MSG.RESPONSE).then(() => order.push("other")),
    ]);
    await vi.waitFor(() => expect(seeker.all(MSG.RESPONSE)).toHaveLength(3002), 50_000);
    const last = seeker.all(MSG.RESPONSE).slice(-2);
    expect(last.map(({ id, dict }) => [id, dict["result"]])).toEqual([
      [5001, []],
      [5002, true],
    ]);
    expect(other.all(MSG.RESPONSE)[0]?.at).toBeLessThanOrEqual(last[0]?.at ?? 0);
    expect(order).toEqual(["other"]);
    // What each turn found comes at once, so that no side makes one long list.
    const all = Array.from({ length: 3000 }, (_, at) => `${"a".repeat(1000)}${at}`);
    seeker.send([MSG.STASH, 5003, { ...keys, pattern: `*${"a".repeat(999)}*` }]);
    await vi.waitFor(() => expect(seeker.all(MSG.RESPONSE)).toHaveLength(3003), 50_000);
    const parts = [
      ...seeker
        .all(MSG.CHUNK)
        .filter(({ id }) => id === 5003)
        .map(({ dict }) => dict["data"]),
      seeker.all(MSG.RESPONSE).at(-1)?.dict["result"],
    ] as string[][];
    expect(parts.flat()).toEqual(all);
    expect(Math.max(...parts.map(({ length }) => length))).toBeLessThan(1000);
  });

  test("a client of Gunicorn's protocol has its answers in order, too", async () => {
    const foreign = await arbiter.stranger();
    put(
      foreign,
      Array.from({ length: 2000 }, (_, at) => `${"a".repeat(1000)}${at}`),
    );
    await vi.waitFor(() => expect(foreign.all(MSG.RESPONSE)).toHaveLength(2000), 50_000);
    const keys = { op: STASH.KEYS, table: "t", pattern: `*${"a".repeat(1000)}1` };
    foreign.send([MSG.STASH, 5001, keys], [MSG.STASH, 5002, { op: STASH.EXISTS, table: "t" }]);
    await vi.waitFor(() => expect(foreign.all(MSG.RESPONSE)).toHaveLength(2002), 50_000);
    const last = foreign.all(MSG.RESPONSE).slice(-2);
    expect(last.map(({ id }) => id)).toEqual([5001, 5002]);
    expect(last[0]?.dict["result"]).toEqual([`${"a".repeat(1000)}1`]);
    // In one piece, as it is used to.
    expect(foreign.all(MSG.CHUNK)).toEqual([]);
  });
});
