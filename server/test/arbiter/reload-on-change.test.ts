import { pino } from "pino";
import { expect, test } from "vitest";
import { reloadOnChange } from "../../src/arbiter/reload-on-change.ts";
import type { WorkerKind } from "../../src/config/hooks.ts";

/** A server whose reloads end when a test says so. */
function standIn() {
  const asked: string[] = [];
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const begin = (what: string): Promise<void> => {
    asked.push(what);
    ends.at(-1)?.reject(new Error("another reload was asked for meanwhile"));
    return new Promise((resolve, reject) => ends.push({ resolve, reject }));
  };
  const changed = reloadOnChange(
    { reload: () => begin("reload"), restart: (kinds) => begin([...kinds].sort().join()) },
    pino({ enabled: false }),
  );
  return {
    asked,
    change: (kinds: WorkerKind[], configChanged = false) =>
      changed({ kinds: new Set(kinds), configChanged, files: ["/a"] }),
    async end(well: boolean) {
      if (well) ends.at(-1)?.resolve();
      else ends.at(-1)?.reject(new Error("broken"));
      await new Promise(setImmediate);
    },
  };
}

test("only the workers that loaded a changed file are replaced", async () => {
  const { asked, change, end } = standIn();
  change(["http-worker"]);
  await end(true);
  change(["dirty-worker"]);
  await end(true);
  change([], true);
  expect(asked).toEqual(["http-worker", "dirty-worker", "reload"]);
});

test("a change that comes while another is carried out does for both", async () => {
  const { asked, change, end } = standIn();
  change([], true);
  change(["http-worker"]);
  await end(true);
  change(["http-worker"]);
  change(["dirty-worker"]);
  await end(true);
  change(["dirty-worker"]);
  expect(asked).toEqual(["reload", "reload", "http-worker", "dirty-worker,http-worker", "dirty-worker"]);
});

test("after code that is broken, workers with old code are replaced with the next change, a bad config is not", async () => {
  const { asked, change, end } = standIn();
  change(["http-worker"]);
  await end(false);
  change(["dirty-worker"], true);
  await end(false);
  change(["dirty-worker"]);
  expect(asked).toEqual(["http-worker", "reload", "dirty-worker,http-worker"]);
});
