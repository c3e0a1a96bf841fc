import { setTimeout as sleep } from "node:timers/promises";
import { alternate, type Measure } from "../measure.ts";
import { barePlan, defaultPlan } from "../plans.ts";
import { pssBytes } from "../process-tree.ts";
import { makeRow } from "../row.ts";
import { Server } from "../servers.ts";

const SETTLE_MS = 1_000;
const PREPARE_TIMEOUT_MS = 600_000;

/** How long the default tree takes to be ready, and what it weighs when it is. */
export const start: Measure = {
  name: "start",
  async run(bench) {
    bench.progress(`${this.name}: preparing`);
    // Once without looking at the clock: `npm start` builds what is stale, and files are read from the disk.
    const first = await Server.start(defaultPlan(bench.node), PREPARE_TIMEOUT_MS);
    await first.stop();
    const pairs = await alternate(bench, this.name, async (side) => {
      const pace = { tokens: 20, intervalMs: 0 };
      const server = await Server.start(
        side === "ours" ? defaultPlan(bench.node) : barePlan(bench.node, pace),
      );
      try {
        await sleep(SETTLE_MS);
        const pss = await pssBytes(await server.processes());
        return { seconds: server.readyMs / 1000, megabytes: pss / 1024 / 1024 };
      } finally {
        await server.stop();
      }
    });
    const ready = {
      name: "start-to-ready",
      title: "npm start: start to ready",
      unit: "s",
      target: { comparison: "absolute", bound: "at most", limit: 1.5 },
    } as const;
    const memory = {
      name: "default-tree",
      title: "the same: PSS of the tree (2 HTTP workers, 1 dirty worker)",
      unit: "MB",
      target: { comparison: "absolute", bound: "at most", limit: 200 },
    } as const;
    return [
      makeRow(
        ready,
        pairs.map(({ ours, bare }) => ({ ours: ours.seconds, other: bare.seconds })),
      ),
      makeRow(
        memory,
        pairs.map(({ ours, bare }) => ({ ours: ours.megabytes, other: bare.megabytes })),
      ),
    ];
  },
};
