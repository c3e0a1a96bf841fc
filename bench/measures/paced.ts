import { alternate, type Bench, inspect, type Measure, ratio, type Side, withServer } from "../measure.ts";
import { barePlan, chatPlan } from "../plans.ts";
import { cpuSeconds } from "../process-tree.ts";
import { makeRow } from "../row.ts";
import { CHAT, PROMPT } from "./chat-request.ts";

const INTERVAL_MS = 20;

interface Figures {
  cpuMicroseconds: number;
  gapMs: number;
}

/** Many streams at a model's pace: what a token costs, and how evenly it arrives. */
export const paced: Measure = {
  name: "paced",
  async run(bench) {
    const streams = bench.quick ? 20 : 500;
    const tokens = bench.quick ? 20 : 250;
    const pairs = await alternate(bench, this.name, (side) => runPaced(bench, side, streams, tokens));
    const title = `${streams} streams, a token every ${INTERVAL_MS} ms`;
    const cpu = {
      name: "cpu-per-token",
      title: `${title}: CPU of all server processes per token`,
      unit: "µs",
      target: ratio("at most", bench.nodeMajor >= 24 ? 1.2 : 1.35),
    };
    const gap = {
      name: "token-gap",
      title: "the same: p99 gap between tokens",
      unit: "ms",
      target: ratio("at most", 1.5),
    };
    return [
      makeRow(
        cpu,
        pairs.map(({ ours, bare }) => ({ ours: ours.cpuMicroseconds, other: bare.cpuMicroseconds })),
      ),
      makeRow(
        gap,
        pairs.map(({ ours, bare }) => ({ ours: ours.gapMs, other: bare.gapMs })),
      ),
    ];
  },
};

async function runPaced(bench: Bench, side: Side, streams: number, tokens: number): Promise<Figures> {
  const plan = (side === "ours" ? chatPlan : barePlan)(bench.node, { tokens, intervalMs: INTERVAL_MS });
  const what = `paced, ${side}`;
  return withServer(plan, async (server, client) => {
    // Users do not all come in the same millisecond; the streams keep the distance that they start with.
    const load = {
      port: server.port,
      path: CHAT,
      body: PROMPT,
      streams,
      tokens,
      spreadMs: 500,
      timeoutMs: 60_000,
    };
    inspect(bench, what, await client.streams({ ...load, rounds: 1 }));
    const processes = await server.processes();
    const before = total(await cpuSeconds(processes));
    const result = await client.streams({ ...load, rounds: bench.quick ? 1 : 2 });
    const after = total(await cpuSeconds(processes));
    inspect(bench, what, result);
    if (result.gaps.p50 < INTERVAL_MS / 2)
      bench.fail(
        `${what}: tokens came in bursts (p50 gap ${result.gaps.p50.toFixed(1)} ms), so this measures nothing`,
      );
    return { cpuMicroseconds: ((after - before) * 1e6) / result.tokens, gapMs: result.gaps.p99 };
  });
}

function total(times: Map<number, number>): number {
  return [...times.values()].reduce((sum, seconds) => sum + seconds, 0);
}
