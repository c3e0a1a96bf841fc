import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../apps/faults-app.ts";
import { fetchLines, LineStream } from "../line-stream.ts";
import type { Bench, Measure } from "../measure.ts";
import { faultsPlan } from "../plans.ts";
import { makeRow } from "../row.ts";
import { Server } from "../servers.ts";
import { median, percentile } from "../statistics.ts";
import { until } from "../until.ts";

const INTERVAL_MS = 20;
/** More than any stream lives: each is left, none ends. */
const TIMES = 100_000;

/** How long a run goes on after its client has left: from the close of its connection to the abort that the run sees. */
export const abort: Measure = {
  name: "abort",
  async run(bench) {
    const leavers = bench.quick ? 5 : 40;
    const batches = bench.quick ? 1 : 5;
    const runs: number[][] = [];
    for (let number = 1; number <= bench.pairs; number++) {
      bench.progress(`${this.name}: run ${number} of ${bench.pairs}`);
      const server = await Server.start(faultsPlan(bench.node, 1));
      try {
        const times: number[] = [];
        for (let batch = 0; batch < batches; batch++) times.push(...(await leave(bench, server, leavers)));
        runs.push(times);
      } finally {
        await server.stop();
      }
    }
    const title = `disconnect to the run's abort, ${leavers * batches} of ${leavers} streams at once`;
    const target = { comparison: "absolute", bound: "at most", limit: 100 } as const;
    return [
      makeRow(
        { name: "disconnect-to-abort", title: `${title}: p99`, unit: "ms", target },
        runs.map((times) => ({ ours: percentile(times, 0.99), other: null })),
      ),
      makeRow(
        { name: "disconnect-to-abort-p50", title: "the same: p50", unit: "ms", target },
        runs.map((times) => ({ ours: median(times), other: null })),
      ),
    ];
  },
};

let streams = 0;

/** Opens streams, leaves them one after the other while the rest run, and asks the app when each was aborted. */
async function leave(bench: Bench, { port }: Server, count: number): Promise<number[]> {
  const started = new Set<string>();
  const open = Array.from({ length: count }, () => {
    const name = `s${++streams}`;
    const path = `/count?name=${name}&interval=${INTERVAL_MS}&times=${TIMES}`;
    return { name, stream: new LineStream(port, path, () => started.add(name)) };
  });
  await until("every stream has a token", () => started.size === count);
  const leftAt = new Map<string, number>();
  for (const { name, stream } of open) {
    await sleep(5);
    leftAt.set(name, monotonicMs());
    stream.leave();
  }
  const aborts: Record<string, number> = {};
  const collect = async () => {
    Object.assign(aborts, JSON.parse((await fetchLines(port, "/aborts")).join("")) as Record<string, number>);
    return open.every(({ name }) => aborts[name] !== undefined);
  };
  await until("every run was aborted", collect, { ms: 5_000 }).catch((error: Error) =>
    bench.fail(error.message),
  );
  return open.flatMap(({ name }) => {
    const at = aborts[name];
    return at === undefined ? [] : [at - (leftAt.get(name) ?? at)];
  });
}
