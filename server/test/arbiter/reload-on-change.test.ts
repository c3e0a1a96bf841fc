import { pino } from "pino";
import { expect, test } from "vitest";
import { GivenUpError } from "../../src/arbiter/generations.ts";
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
    /** The new workers are given up, because those of a kind cannot start. */
    async giveUp(culprit: WorkerKind) {
      ends.at(-1)?.reject(new GivenUpError("broken", culprit));
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

test("a config whose new workers were given up is tried again when what they loaded is mended", async () => {
  const { asked, change, end, giveUp } = standIn();
  change([], true);
  await giveUp("http-worker");
  change(["http-worker"]);
  await giveUp("dirty-worker");
  change(["dirty-worker"]);
  await end(true);
  change(["dirty-worker"]);
  expect(asked).toEqual(["reload", "reload", "reload", "dirty-worker"]);
});

test("dirty workers that cannot start hold up no change of the web app, and are tried again with their own", async () => {
  const { asked, change, end, giveUp } = standIn();
  change(["dirty-worker"]);
  await giveUp("dirty-worker");
  change(["http-worker"]);
  await end(true);
  change(["dirty-worker"]);
  await giveUp("dirty-worker");
  change([], true);
  await giveUp("dirty-worker");
  change(["http-worker"]);
  await giveUp("http-worker");
  change(["dirty-worker"]);
  await end(true);
  change(["http-worker"]);
  expect(asked).toEqual([
    "dirty-worker",
    "http-worker",
    "dirty-worker",
    "reload",
    "http-worker",
    "reload",
    "http-worker",
  ]);
});

test("HTTP workers that cannot start are tried again with the next change of a dirty app, which they may need", async () => {
  const { asked, change, giveUp } = standIn();
  change(["http-worker"]);
  await giveUp("http-worker");
  change(["dirty-worker"]);
  expect(asked).toEqual(["http-worker", "dirty-worker,http-worker"]);
});
