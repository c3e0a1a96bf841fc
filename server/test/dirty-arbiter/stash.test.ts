import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Stash } from "../../src/dirty-arbiter/stash.ts";
import { getLogger } from "../../src/process/logger.ts";
import { EncodedValue } from "../../src/protocol/encoded-value.ts";
import { StashError, StashFullError, StashTableNotFoundError } from "../../src/protocol/errors.ts";
import type { STASH } from "../../src/protocol/stash-messages.ts";
import { decodeTlv } from "../../src/protocol/tlv-reader.ts";
import { until } from "../dirty/wire-peer.ts";
import { ask } from "./stash-request.ts";

let folder: string;
let path: string;
let stash: Stash;

beforeEach(() => {
  getLogger().level = "silent";
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  path = join(folder, "stash.log");
  stash = new Stash(path);
});

afterEach(() => {
  stash.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Carries out an operation on the table "t". */
function use(op: keyof typeof STASH, fields: Record<string, unknown> = {}): unknown {
  const result = stash.execute(ask(op, { table: "t", ...fields }));
  return result instanceof EncodedValue ? decodeTlv(result.bytes()) : result;
}

/** What the dirty arbiter's successor has. */
function replace(): void {
  stash.close();
  stash = new Stash(path);
}

/** What is in the table "t". */
function contents(): Record<string, unknown> {
  const keys = use("KEYS") as string[];
  return Object.fromEntries(keys.map((key) => [key, use("GET", { key })]));
}

describe("Gunicorn's operations answer as Gunicorn's do", () => {
  test("put, get, delete and exists", () => {
    expect(use("PUT", { key: "a", value: { x: [1, null] } })).toBe(true);
    expect(use("GET", { key: "a" })).toEqual({ x: [1, null] });
    expect(use("EXISTS", { key: "a" })).toBe(true);
    expect(use("EXISTS", { key: "b" })).toBe(false);
    expect(use("DELETE", { key: "a" })).toBe(true);
    expect(use("DELETE", { key: "a" })).toBe(false);
    expect(use("GET", { key: "a" })).toBeUndefined();
    expect(use("EXISTS")).toBe(true);
  });

  test("a put without a value stores a null", () => {
    use("PUT", { key: "a" });
    expect(use("GET", { key: "a" })).toBeNull();
  });

  test("what is asked of a table that is not there", () => {
    expect(use("GET", { key: "a" })).toBeUndefined();
    expect(use("DELETE", { key: "a" })).toBe(false);
    expect(use("KEYS")).toEqual([]);
    expect(use("CLEAR")).toBe(true);
    expect(use("DELETE_TABLE")).toBe(false);
    expect(use("EXISTS")).toBe(false);
    expect(() => use("INFO")).toThrow(StashTableNotFoundError);
    expect(use("TABLES")).toEqual([]);
  });

  test("keys, clear, info, ensure, tables and delete table", () => {
    expect(use("ENSURE")).toBe(true);
    for (const key of ["user:1", "user:2", "other"]) use("PUT", { key, value: 1 });
    expect(use("KEYS", { pattern: "user:*" })).toEqual(["user:1", "user:2"]);
    expect(use("KEYS", { pattern: "" })).toHaveLength(3);
    expect(use("INFO")).toMatchObject({ size: 3, table: "t", bytes: 6 + 6 + 5 + 3 * 9, ttl: null });
    expect(use("CLEAR")).toBe(true);
    expect(use("INFO")).toMatchObject({ size: 0, bytes: 0 });
    expect(use("TABLES")).toEqual(["t"]);
    expect(use("DELETE_TABLE")).toBe(true);
    expect(use("TABLES")).toEqual([]);
  });

  test("an unknown operation, and one without a key, are errors", () => {
    expect(() => stash.execute({ ...ask("GET"), op: 99 })).toThrow(StashError);
    expect(() => use("GET")).toThrow(StashError);
    expect(() => use("PUT", { value: 1 })).toThrow(StashError);
  });
});

describe("incr", () => {
  test("counts from 0, by what is said, also down and in fractions", () => {
    expect(use("INCR", { key: "n" })).toBe(1);
    expect(use("INCR", { key: "n", by: 5 })).toBe(6);
    expect(use("INCR", { key: "n", by: -10 })).toBe(-4);
    expect(use("INCR", { key: "n", by: 0.5 })).toBe(-3.5);
    expect(use("GET", { key: "n" })).toBe(-3.5);
  });

  test.for<[string, unknown]>([
    ["text", "1"],
    ["null", null],
    ["a list", [1]],
    ["a bigint", 2n ** 60n],
    ["the largest exact number", Number.MAX_SAFE_INTEGER],
  ])("on %s is an error and changes nothing", ([, value]) => {
    use("PUT", { key: "n", value });
    expect(() => use("INCR", { key: "n" })).toThrow(StashError);
    expect(use("GET", { key: "n" })).toEqual(value);
  });

  test("keeps the time at which its entry ends", async () => {
    use("INCR", { key: "n", ttl: 0.05 });
    use("INCR", { key: "n", ttl: 60 });
    await until(
      () => "the counter ends",
      () => use("GET", { key: "n" }) === undefined,
    );
    expect(use("INCR", { key: "n" })).toBe(1);
  });
});

describe("compare and set", () => {
  test("sets only what is as expected", () => {
    use("PUT", { key: "a", value: { x: 1, y: 2 } });
    expect(use("COMPARE_AND_SET", { key: "a", expected: 1, value: 2 })).toBe(false);
    expect(use("COMPARE_AND_SET", { key: "a", value: 2 })).toBe(false);
    // The order of keys does not belong to a value.
    expect(use("COMPARE_AND_SET", { key: "a", expected: { y: 2, x: 1 }, value: 3 })).toBe(true);
    expect(use("GET", { key: "a" })).toBe(3);
  });

  test("without an expected value sets only what is not there, and without a value deletes", () => {
    expect(use("COMPARE_AND_SET", { key: "a", value: null })).toBe(true);
    expect(use("COMPARE_AND_SET", { key: "a", value: 1 })).toBe(false);
    expect(use("COMPARE_AND_SET", { key: "a", expected: null })).toBe(true);
    expect(use("EXISTS", { key: "a" })).toBe(false);
    expect(use("COMPARE_AND_SET", { key: "a" })).toBe(true);
    expect(use("EXISTS", { key: "a" })).toBe(false);
  });
});

describe("time to live", () => {
  test("an entry over its time is gone for every operation", async () => {
    use("PUT", { key: "a", value: 1, ttl: 0.03 });
    use("PUT", { key: "b", value: 1, ttl: 60 });
    use("PUT", { key: "c", value: 1, ttl: Number.POSITIVE_INFINITY });
    expect(use("KEYS")).toEqual(["a", "b", "c"]);
    await until(
      () => "a is gone",
      () => use("GET", { key: "a" }) === undefined,
    );
    expect(use("KEYS")).toEqual(["b", "c"]);
    expect(use("EXISTS", { key: "a" })).toBe(false);
    expect(use("INFO")).toMatchObject({ size: 2 });
    expect(use("DELETE", { key: "a" })).toBe(false);
    expect(use("COMPARE_AND_SET", { key: "a", value: 2 })).toBe(true);
  });

  test("of a table is that of its entries, and a put without one ends the old one", async () => {
    use("ENSURE", { ttl: 0.03 });
    use("PUT", { key: "a", value: 1 });
    use("PUT", { key: "b", value: 1, ttl: 0.03 });
    use("ENSURE", { ttl: Number.POSITIVE_INFINITY });
    use("PUT", { key: "b", value: 2 });
    await until(
      () => "a is gone",
      () => use("GET", { key: "a" }) === undefined,
    );
    expect(contents()).toEqual({ b: 2 });
    expect(use("INFO")).toMatchObject({ ttl: null });
  });

  test("goes on in the successor", async () => {
    use("PUT", { key: "a", value: 1, ttl: 0.2 });
    use("PUT", { key: "b", value: 1, ttl: 60 });
    replace();
    expect(use("KEYS")).toEqual(["a", "b"]);
    await until(
      () => "a is gone",
      () => use("GET", { key: "a" }) === undefined,
    );
    replace();
    expect(contents()).toEqual({ b: 1 });
  });
});

describe("bounds", () => {
  test("one entry too many is refused by name, and replacing one is not", () => {
    use("ENSURE", { max_entries: 2 });
    use("PUT", { key: "a", value: 1 });
    use("PUT", { key: "b", value: 1 });
    expect(() => use("PUT", { key: "c", value: 1 })).toThrow(StashFullError);
    expect(() => use("PUT", { key: "c", value: 1 })).toThrow(/table "t" .*2 entries/);
    expect(() => use("INCR", { key: "c" })).toThrow(StashFullError);
    expect(() => use("COMPARE_AND_SET", { key: "c", value: 1 })).toThrow(StashFullError);
    use("PUT", { key: "b", value: 2 });
    use("DELETE", { key: "a" });
    use("PUT", { key: "c", value: 1 });
    expect(contents()).toEqual({ b: 2, c: 1 });
  });

  test("one byte too many is refused, and details say of what", () => {
    use("ENSURE", { max_bytes: 20 });
    use("PUT", { key: "a", value: "0123456789abcd" });
    const error = catching(() => use("PUT", { key: "a", value: "0123456789abcde" }));
    expect(error).toBeInstanceOf(StashFullError);
    expect((error as StashFullError).details).toEqual({ table: "t", bound: "bytes", limit: 20 });
    expect(use("GET", { key: "a" })).toBe("0123456789abcd");
    use("PUT", { key: "a", value: "0123456789" });
    expect(use("INFO")).toMatchObject({ size: 1, bytes: 16 });
  });

  test("entries over their time make room", async () => {
    use("ENSURE", { max_entries: 1 });
    use("PUT", { key: "a", value: 1, ttl: 0.02 });
    await until(
      () => "there is room",
      () => catching(() => use("PUT", { key: "b", value: 1 })) === undefined,
    );
    expect(use("KEYS")).toEqual(["b"]);
  });

  test("a bound below what is there loses nothing, and lets it shrink", () => {
    for (const key of ["a", "b", "c"]) use("PUT", { key, value: "long" });
    use("ENSURE", { max_entries: 1, max_bytes: 5 });
    use("PUT", { key: "a", value: "x" });
    expect(() => use("PUT", { key: "a", value: "long" })).toThrow(StashFullError);
    expect(contents()).toEqual({ a: "x", b: "long", c: "long" });
  });

  test("there are 1,000 tables at most", () => {
    for (let n = 0; n < 1000; n++) stash.execute(ask("ENSURE", { table: `t${n}` }));
    expect(() => stash.execute(ask("ENSURE", { table: "more" }))).toThrow(StashFullError);
    expect(() => stash.execute(ask("PUT", { table: "more", key: "a" }))).toThrow(StashFullError);
    stash.execute(ask("ENSURE", { table: "t5" }));
    stash.execute(ask("PUT", { table: "t5", key: "a" }));
  });

  test("a table has 100,000 entries and 64 MiB unless it says more, and keeps that in the successor", () => {
    use("ENSURE");
    expect(use("INFO")).toMatchObject({ max_entries: 100_000, max_bytes: 64 * 1024 * 1024 });
    use("ENSURE", { max_entries: 5, ttl: 9 });
    use("ENSURE");
    replace();
    expect(use("INFO")).toMatchObject({ max_entries: 5, max_bytes: 64 * 1024 * 1024, ttl: 9 });
  });

  test("a name is at most 1 KiB of UTF-8", () => {
    use("PUT", { key: "é".repeat(512), value: 1 });
    expect(() => use("PUT", { key: "é".repeat(513), value: 1 })).toThrow(StashError);
    expect(() => use("KEYS", { pattern: "*".repeat(1025) })).toThrow(StashError);
    expect(() => stash.execute(ask("ENSURE", { table: "x".repeat(1025) }))).toThrow(StashError);
  });
});

describe("an operation that is sent again", () => {
  const count = (id: number, answered = 0) =>
    stash.execute(ask("INCR", { table: "t", key: "n", answered }), "me", id);

  test("is not carried out twice, also by the successor", () => {
    expect(count(1)).toBe(1);
    expect(count(1)).toBe(1);
    replace();
    expect(count(1)).toBe(1);
    expect(count(2)).toBe(2);
    expect(use("GET", { key: "n" })).toBe(2);
  });

  test("by another client is another operation", () => {
    expect(count(1)).toBe(1);
    expect(stash.execute(ask("INCR", { table: "t", key: "n" }), "you", 1)).toBe(2);
  });

  test("is remembered through a compaction", async () => {
    for (let id = 1; id <= 10; id++) count(id, id - 3);
    await compacted();
    replace();
    expect(count(10, 7)).toBe(10);
    expect(count(9, 7)).toBe(9);
    expect(use("GET", { key: "n" })).toBe(10);
  });
});

test("a change that cannot be written down is refused, and is not made", () => {
  use("PUT", { key: "a", value: 1 });
  // A closed file fails as a full disk does.
  stash.close();
  expect(() => use("PUT", { key: "a", value: 2 })).toThrow(/cannot write its log/);
  expect(() => use("DELETE", { key: "a" })).toThrow(StashError);
  expect(use("GET", { key: "a" })).toBe(1);
  stash = new Stash(path);
  expect(contents()).toEqual({ a: 1 });
});

/** Writes until the log has been compacted. */
async function compacted(): Promise<void> {
  const value = "x".repeat(10_000);
  let largest = 0;
  await until(
    () => "the log becomes smaller",
    () => {
      for (let n = 0; n < 10; n++) use("PUT", { key: "filler", value });
      const { size } = statSync(path);
      largest = Math.max(largest, size);
      return size < largest;
    },
    50_000,
  );
  use("DELETE", { key: "filler" });
}

function catching(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
