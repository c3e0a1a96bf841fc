import type { Measure } from "../measure.ts";
import { faultsPlan } from "../plans.ts";
import { makeRow } from "../row.ts";
import { Server } from "../servers.ts";
import { until } from "../until.ts";

const DIRTY_WORKERS = 2;
const KINDS = { "http worker": 1, "dirty worker": DIRTY_WORKERS, "dirty arbiter": 1 } as const;
type Kind = keyof typeof KINDS;

/**
 * How long the server is short of a process after `kill -9`: until the arbiter calls a successor ready and `/readyz`
 * says 200. One kill of each kind in each server: a second one would meet the pause before the next start.
 */
export const recovery: Measure = {
  name: "recovery",
  async run(bench) {
    const kinds = Object.keys(KINDS) as Kind[];
    const times: Record<Kind, number[]> = { "http worker": [], "dirty worker": [], "dirty arbiter": [] };
    for (let number = 1; number <= bench.pairs; number++) {
      bench.progress(`${this.name}: run ${number} of ${bench.pairs}`);
      const server = await Server.start(faultsPlan(bench.node, DIRTY_WORKERS));
      try {
        for (const kind of kinds) times[kind].push(await killAndWait(server, kind));
      } finally {
        await server.stop();
      }
    }
    return kinds.map((kind) =>
      makeRow(
        {
          name: `recovery-${kind.replace(" ", "-")}`,
          title: `kill -9 of the ${kind} to full strength`,
          unit: "ms",
          // No part may take longer than the whole server's start does.
          target: { comparison: "absolute", bound: "at most", limit: 1_500 },
        },
        times[kind].map((ms) => ({ ours: ms, other: null })),
      ),
    );
  },
};

async function killAndWait(server: Server, kind: Kind): Promise<number> {
  const { log } = server;
  const victim = await log.oldest(kind, KINDS[kind], 0);
  const killedAt = performance.now();
  process.kill(victim, "SIGKILL");
  log.forget(victim);
  await until(`a ${kind} is ready again`, () => log.readyOf(kind).length === KINDS[kind]);
  await until("/readyz says 200", () => server.isReady());
  return performance.now() - killedAt;
}
