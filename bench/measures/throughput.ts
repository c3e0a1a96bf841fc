import { alternate, inspect, type Measure, ratio, withServer } from "../measure.ts";
import { barePlan, chatPlan } from "../plans.ts";
import { makeRow } from "../row.ts";
import { CHAT, PROMPT } from "./chat-request.ts";

const WARM_UP_MS = 4000;

/** How many tokens per second a few streams get when nothing waits. */
export const throughput: Measure = {
  name: "throughput",
  async run(bench) {
    const streams = bench.quick ? 2 : 8;
    const tokens = bench.quick ? 100 : 1000;
    const rounds = bench.quick ? 4 : 100;
    const load = { path: CHAT, body: PROMPT, streams, tokens, spreadMs: 0, timeoutMs: 30_000 };
    const pairs = await alternate(bench, this.name, (side) => {
      const plan = (side === "ours" ? chatPlan : barePlan)(bench.node, { tokens, intervalMs: 0 });
      return withServer(plan, async (server, client) => {
        // The first rounds are compiled as they run; a server that stays up runs compiled code. Both sides get the
        // same time for that, not the same number of rounds: the compiler works by the clock.
        const until = Date.now() + (bench.quick ? 0 : WARM_UP_MS);
        do {
          const warm = await client.streams({ ...load, port: server.port, rounds: rounds / 4 });
          inspect(bench, `throughput, ${side}`, warm);
        } while (Date.now() < until);
        const result = await client.streams({ ...load, port: server.port, rounds });
        inspect(bench, `throughput, ${side}`, result);
        const seconds = result.roundMs.reduce((sum, ms) => sum + ms, 0) / 1000;
        return result.tokens / seconds;
      });
    });
    const head = {
      name: "throughput",
      title: `${streams} streams × ${tokens} tokens, no delay`,
      unit: "tokens/s",
      target: ratio("at least", bench.nodeMajor >= 24 ? 8 : 6),
    };
    return [
      makeRow(
        head,
        pairs.map(({ ours, bare }) => ({ ours, other: bare })),
      ),
    ];
  },
};
