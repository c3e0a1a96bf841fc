/** What the stash's tables cost where they are large: counted, not timed. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { ExpiryHeap } from "../../src/dirty-arbiter/expiry-heap.ts";
import { type Change, StashStore } from "../../src/dirty-arbiter/stash-store.ts";
import { encodeValue } from "../../src/protocol/tlv-writer.ts";

const VALUE = encodeValue(1);

afterEach(() => {
  vi.restoreAllMocks();
});

function fill(store: StashStore, table: string, count: number, expires: number): void {
  for (let at = 0; at < count; at++) {
    store.apply({ kind: "set", table, key: `key ${at}`, value: VALUE, expires });
  }
}

const keysOf = (store: StashStore, table: string) => [...(store.tables.get(table)?.entries.keys() ?? [])];

describe.each(["clear", "drop"] as const)("to %s a table", (kind) => {
  test("looks at none of its entries, however many there are", () => {
    const store = new StashStore();
    fill(store, "t", 5000, 100);
    fill(store, "other", 10, 100);
    const looks = [
      vi.spyOn(ExpiryHeap.prototype, "remove"),
      vi.spyOn(Map.prototype, "values"),
      vi.spyOn(Map.prototype, "forEach"),
      vi.spyOn(Map.prototype, "clear"),
    ];
    store.apply({ kind, table: "t" });
    for (const look of looks) expect(look).not.toHaveBeenCalled();
    vi.restoreAllMocks();
    expect(store.size).toBe(10);
    expect(store.tables.has("t")).toBe(kind === "clear");
    // What is put afterwards is not taken for what was there before.
    store.apply({ kind: "set", table: "t", key: "new", value: VALUE, expires: 200 });
    expect(store.expire(150)).toBe(false);
    expect([keysOf(store, "t"), keysOf(store, "other")]).toEqual([["new"], []]);
    store.apply({ kind: "remove", table: "t", key: "new" });
    expect([store.size, store.bytes]).toEqual([0, 0]);
  });

  test.each([0, 1, 2, 3])("ends what a snapshot of which %i changes were read says of it", (read) => {
    const store = new StashStore();
    fill(store, "t", 5, 100);
    fill(store, "other", 2, 100);
    const snapshot = store.snapshot();
    // As the log is written anew: what happens meanwhile is written behind what was read so far.
    const written: Change[] = [];
    for (let left = read; left > 0; left--) {
      const { value, done } = snapshot.next();
      if (done !== true) written.push(value);
    }
    const now: Change = { kind, table: "t" };
    store.apply(now);
    written.push(now);
    written.push(...snapshot);
    const successor = new StashStore();
    for (const change of written) successor.apply(change);
    expect(keysOf(successor, "t")).toEqual([]);
    expect(keysOf(successor, "other")).toEqual(["key 0", "key 1"]);
  });
});

describe("entries that are over their time", () => {
  test("go by and by, so that no request waits for all of them", () => {
    const store = new StashStore();
    fill(store, "t", 5000, 100);
    const removed: number[] = [];
    for (let more = true; more; ) {
      const before = store.size;
      more = store.expire(100);
      removed.push(before - store.size);
    }
    expect(Math.max(...removed)).toBeLessThanOrEqual(2000);
    expect(store.size).toBe(0);
  });

  test("make room where it is needed, also while another table has many", () => {
    const store = new StashStore();
    fill(store, "large", 5000, 100);
    store.apply({ kind: "bound", table: "small", bounds: { maxEntries: 1, maxBytes: 100, ttl: 1 } });
    fill(store, "small", 1, 100);
    expect(() => store.checkRoom("small", "new", VALUE, 99)).toThrow("holds 1 entries");
    store.checkRoom("small", "new", VALUE, 100);
  });
});
