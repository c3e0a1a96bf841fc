import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StashLog } from "../../src/dirty-arbiter/stash-log.ts";
import type { LogRecord } from "../../src/dirty-arbiter/stash-record.ts";
import { getLogger } from "../../src/process/logger.ts";
import { encodeValue } from "../../src/protocol/tlv-writer.ts";
import { until } from "../dirty/wire-peer.ts";

let folder: string;
let path: string;

beforeEach(() => {
  getLogger().level = "silent";
  folder = mkdtempSync(join(tmpdir(), "ts-"));
  path = join(folder, "log");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const put = (key: string, value: unknown = 1): LogRecord => ({
  change: { kind: "set", table: "t", key, value: encodeValue(value), expires: Number.POSITIVE_INFINITY },
});

const EVERY_KIND: LogRecord[] = [
  put("a", { x: [1, 2n ** 60n, null, "é"] }),
  { change: { kind: "set", table: "", key: "", value: encodeValue(-0), expires: 12345.678 } },
  { change: { kind: "remove", table: "t", key: "a" } },
  { change: { kind: "clear", table: "t" } },
  { change: { kind: "drop", table: "t" } },
  {
    change: {
      kind: "bound",
      table: "t",
      bounds: { maxEntries: 1, maxBytes: 2, ttl: Number.POSITIVE_INFINITY },
    },
  },
  put("vector", { v: Float32Array.of(1.5), bytes: Uint8Array.of(1), none: [undefined] }),
  { ...put("b"), answered: { client: "c", id: 5, answered: 4, result: true } },
  { answered: { client: "c", id: 6, answered: 4, result: -1.5 } },
];

function write(records: LogRecord[]): void {
  const log = StashLog.open(path, () => {});
  for (const record of records) log.append(record);
  log.close();
}

function read(): LogRecord[] {
  const records: LogRecord[] = [];
  StashLog.open(path, (record) => records.push(record)).close();
  return records;
}

test("what was appended is read again", () => {
  write(EVERY_KIND);
  expect(read()).toEqual(EVERY_KIND);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a record of many MiB is read again, among small ones", () => {
  const value = encodeValue("x".repeat(5_000_000));
  write([put("a"), { change: { kind: "set", table: "t", key: "large", value, expires: 1 } }, put("b")]);
  const [first, large, last, ...more] = read();
  expect([first, last, more]).toEqual([put("a"), put("b"), []]);
  // Compared here, since to describe how many MiB differ would take a minute.
  expect(large?.change?.kind === "set" && large.change.value.same(value)).toBe(true);
});

describe("a log that was cut off", () => {
  test("anywhere has all records before the cut, and takes new ones", () => {
    write([put("a"), put("b")]);
    const two = statSync(path).size;
    write([put("c")]);
    const bytes = readFileSync(path);
    for (let size = two; size < bytes.length; size++) {
      writeFileSync(path, bytes);
      truncateSync(path, size);
      expect(read()).toEqual([put("a"), put("b")]);
      write([put("d")]);
      expect(read()).toEqual([put("a"), put("b"), put("d")]);
    }
  });

  test.for([0, 1, 7])("to %i bytes is empty, and takes new records", (size) => {
    write([put("a")]);
    truncateSync(path, size);
    expect(read()).toEqual([]);
    write([put("b")]);
    expect(read()).toEqual([put("b")]);
  });
});

describe("a log with bytes that are wrong", () => {
  test("in its last record does without that, whichever byte it is", () => {
    write([put("a")]);
    const one = statSync(path).size;
    write([put("b")]);
    const bytes = readFileSync(path);
    for (let at = one; at < bytes.length; at++) {
      const wrong = Buffer.from(bytes);
      wrong.writeUInt8(wrong.readUInt8(at) ^ 0x10, at);
      writeFileSync(path, wrong);
      expect(read()).toEqual([put("a")]);
    }
  });

  test.for<[string, Buffer]>([
    ["zeros", Buffer.alloc(4096)],
    ["a length of 4 GiB", Buffer.alloc(64, 0xff)],
    ["text", Buffer.from("no record of ours, this is")],
  ])("behind its end is read up to there: %s", ([, rest]) => {
    write([put("a")]);
    appendFileSync(path, rest);
    expect(read()).toEqual([put("a")]);
  });

  test("of another version is begun anew", () => {
    writeFileSync(path, "tsstash9 and whatever that one writes");
    expect(read()).toEqual([]);
    write([put("a")]);
    expect(read()).toEqual([put("a")]);
  });
});

describe("compaction", () => {
  test("leaves what it is given, and what is appended meanwhile", async () => {
    const log = StashLog.open(path, () => {});
    for (let n = 0; n < 3000; n++) log.append(put("a", n));
    const before = log.length;
    const state = Array.from({ length: 5000 }, (_, n) => put(`k${n}`));
    log.compact(state.values());
    log.append(put("meanwhile"));
    expect(log.compacting).toBe(true);
    await until(
      () => "the log is compacted",
      () => !log.compacting,
    );
    log.append(put("after"));
    log.close();
    const records = read();
    expect(records[0]).toEqual(put("meanwhile"));
    expect(records.slice(1)).toEqual([...state, put("after")]);
    expect(before).toBeGreaterThan(0);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test("that was broken off leaves the log as it was, and no file", () => {
    const log = StashLog.open(path, () => {});
    log.append(put("a"));
    log.compact([put("b")].values());
    log.append(put("c"));
    log.close();
    expect(existsSync(`${path}.new`)).toBe(false);
    // As a process leaves it that is killed meanwhile.
    writeFileSync(`${path}.new`, "half of it");
    expect(read()).toEqual([put("a"), put("c")]);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test("that fails leaves the log as it was", async () => {
    const log = StashLog.open(path, () => {});
    log.append(put("a"));
    log.compact(
      (function* (): Generator<LogRecord> {
        yield put("b");
        throw new Error("no more");
      })(),
    );
    await until(
      () => "it was given up",
      () => !log.compacting,
    );
    log.append(put("c"));
    log.close();
    expect(read()).toEqual([put("a"), put("c")]);
  });
});
