/** When the arbiter is gone nothing outlives it for long, not even what can neither notice nor be asked. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Fleet } from "./fleet.ts";
import type { FleetProcess } from "./fleet-process.ts";
import { eventually, isAlive } from "./harness.ts";

/** Code that never comes to its end, and says that it was begun. */
const SPINS = (label: string) =>
  `import { appendFileSync } from "node:fs"; appendFileSync("spins.log", ${JSON.stringify(`${label}\n`)}); for (;;);`;
const GRACE_MS = 1000;

let fleet: Fleet;
let http: FleetProcess;
let dirty: FleetProcess;

/** Starts processes that have `graceMs` to end once the arbiter is gone. */
async function open(graceMs = GRACE_MS): Promise<void> {
  const seconds = String(graceMs / 1000);
  const flags = ["--graceful-timeout", seconds, "--dirty-graceful-timeout", seconds];
  fleet = await Fleet.open({ app: SPINS("dirty"), main: SPINS("http"), workers: 0, flags });
  [http, dirty] = [fleet.startAlone("http-worker"), fleet.startAlone("dirty-worker")];
  // Left open, it would have this process counted among those that have to end.
  fleet.closeClients();
  await eventually("both spin while they load", () => spinning().length === 2);
}

afterEach(async () => {
  await fleet.close();
});

function spinning(): string[] {
  const file = join(fleet.folder, "spins.log");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

/** The channels of all children close, as when the arbiter was killed. */
function arbiterIsGone(): number {
  for (const { process } of [fleet.arbiter, http, dirty]) process.disconnect();
  return Date.now();
}

describe("workers that spin while they load", () => {
  test("are killed when the graceful timeout has run out, and the dirty arbiter ends with them", async () => {
    await open();
    fleet.arbiter.tell({ type: "children", pids: [fleet.arbiter, http, dirty].map(({ pid }) => pid) });
    const goneAt = arbiterIsGone();
    await eventually("all have ended", () => [fleet.arbiter, http, dirty].every(({ pid }) => !isAlive(pid)));
    expect(Date.now() - goneAt).toBeGreaterThanOrEqual(GRACE_MS - 10);
    expect(existsSync(fleet.folder)).toBe(false);
  });

  test("and end before that do not hold up the rest", async () => {
    // Longer than it is waited for.
    await open(60_000);
    fleet.arbiter.tell({ type: "children", pids: [fleet.arbiter, http, dirty].map(({ pid }) => pid) });
    arbiterIsGone();
    for (const one of [http, dirty]) await one.kill();
    await eventually("the dirty arbiter has ended", () => !isAlive(fleet.arbiter.pid));
  });
});

test("a process that the arbiter said is gone is not looked at any more", async () => {
  await open();
  // It stands for a process of another user, which was given the id of a child that ended.
  fleet.arbiter.tell({ type: "children", pids: [http.pid, dirty.pid] });
  fleet.arbiter.tell({ type: "children", pids: [http.pid] });
  arbiterIsGone();
  await eventually("the dirty arbiter has ended", () => !isAlive(fleet.arbiter.pid));
  await eventually("the other is killed", () => !isAlive(http.pid));
  expect(isAlive(dirty.pid)).toBe(true);
});
