import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { StashLog } from "../../src/dirty-arbiter/stash-log.ts";
import { plan } from "../../src/dirty-arbiter/stash-operations.ts";
import { StashStore } from "../../src/dirty-arbiter/stash-store.ts";
import { getLogger } from "../../src/process/logger.ts";
import { StashError } from "../../src/protocol/errors.ts";
import type { StashRequest } from "../../src/protocol/stash-messages.ts";
import { until } from "../dirty/wire-peer.ts";
import { ask } from "./stash-request.ts";

const table = fc.constantFrom("a", "b", "c");
const key = fc.constantFrom("1", "2", "3", "é", "");
const value = fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.array(fc.integer()));
const ttl = fc.option(fc.constantFrom(0.001, 0.005, 1, Number.POSITIVE_INFINITY), { nil: undefined });
const request: fc.Arbitrary<StashRequest> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ table, key, value, ttl }).map((fields) => ask("PUT", fields)) },
  fc.record({ table, key, by: fc.integer({ min: -5, max: 5 }), ttl }).map((fields) => ask("INCR", fields)),
  fc.record({ table, key }).map((fields) => ask("DELETE", fields)),
  fc
    .record({
      table,
      key,
      expected: fc.option(value, { nil: undefined }),
      value: fc.option(value, { nil: undefined }),
    })
    .map((fields) => ask("COMPARE_AND_SET", fields)),
  fc.record({ table }).map((fields) => ask("CLEAR", fields)),
  fc.record({ table }).map((fields) => ask("DELETE_TABLE", fields)),
  fc
    .record({
      table,
      max_entries: fc.integer({ min: 1, max: 4 }),
      max_bytes: fc.integer({ min: 10, max: 60 }),
      ttl,
    })
    .map((fields) => ask("ENSURE", fields)),
);
/** An operation, and the ms that pass before it. */
const step = fc.record({ request, pause: fc.nat(3) });

/** All that a store holds at a time, with its own counts made anew. */
function stateOf(store: StashStore, now: number): unknown {
  store.expire(now);
  let bytes = 0;
  const tables = [...store.tables.values()].map(({ name, bounds, entries, bytes: counted }) => {
    const list = [...entries.values()].map((one) => [
      one.key,
      one.value.bytes().toString("hex"),
      one.expires,
    ]);
    const size = [...entries.values()].reduce(
      (sum, one) => sum + Buffer.byteLength(one.key) + one.value.size,
      0,
    );
    expect(counted).toBe(size);
    bytes += size + 256 * entries.size;
    return { name, bounds, list };
  });
  expect(store.bytes).toBe(bytes);
  expect(store.size).toBe(tables.flatMap(({ list }) => list).length);
  return tables;
}

test("the successor's tables are those of the one before, also when the log was compacted meanwhile", async () => {
  getLogger().level = "silent";
  const folder = mkdtempSync(join(tmpdir(), "ts-"));
  const path = join(folder, "log");
  const steps = fc.array(step, { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(steps, steps, steps, async (before, during, after) => {
      rmSync(path, { force: true });
      const store = new StashStore();
      const log = StashLog.open(path, () => {});
      let now = 1000;
      const take = ({ request: asked, pause }: { request: StashRequest; pause: number }): void => {
        now += pause;
        try {
          const { change } = plan(store, asked, now);
          if (change === undefined) return;
          log.append({ change });
          store.apply(change);
        } catch (error) {
          if (!(error instanceof StashError)) throw error;
        }
      };
      for (const one of before) take(one);
      // Some of the snapshot is read before each operation, as slices are between requests.
      const snapshot = store.snapshot();
      let left = during.length;
      log.compact({
        next: () => {
          for (const one of during.slice(during.length - left, during.length - left + 2)) take(one);
          left = Math.max(0, left - 2);
          const found = snapshot.next();
          return found.done === true
            ? { done: true, value: undefined }
            : { done: false, value: { change: found.value } };
        },
      });
      await until(
        () => "the log is compacted",
        () => !log.compacting,
      );
      for (const one of after) take(one);
      log.close();

      const successor = new StashStore();
      StashLog.open(path, ({ change }) => {
        if (change !== undefined) successor.apply(change);
      }).close();
      // The order of keys may be another after a compaction: an entry that was set meanwhile comes before the old ones.
      const sorted = (state: unknown) =>
        JSON.stringify(state, (_, one: unknown) => (Array.isArray(one) ? [...one].sort(byText) : one));
      expect(sorted(stateOf(successor, now))).toBe(sorted(stateOf(store, now)));
    }),
    { numRuns: 150 },
  );
  rmSync(folder, { recursive: true, force: true });
});

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
