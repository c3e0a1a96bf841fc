import { setTimeout as sleep } from "node:timers/promises";
import { LineStream } from "../line-stream.ts";
import type { Bench, Measure } from "../measure.ts";
import { ratio } from "../measure.ts";
import { faultsPlan } from "../plans.ts";
import { processTitle } from "../process-tree.ts";
import { makeRow } from "../row.ts";
import { Server } from "../servers.ts";
import { until } from "../until.ts";

const INTERVAL_MS = 20;
/** A stream lasts two seconds: the old workers are soon drained. */
const TIMES = 100;
const SLICE_MS = 500;

/** What a reload costs those who read meanwhile: tokens per second from SIGHUP until the old workers have gone. */
export const reload: Measure = {
  name: "reload",
  async run(bench) {
    const streams = bench.quick ? 5 : 200;
    const seconds = bench.quick ? 1 : 5;
    const runs: Rates[] = [];
    for (let number = 1; number <= bench.pairs; number++) {
      bench.progress(`${this.name}: run ${number} of ${bench.pairs}`);
      const server = await Server.start(faultsPlan(bench.node, 1));
      try {
        runs.push(await reloadUnderLoad(bench, server, streams, seconds));
      } finally {
        await server.stop();
      }
    }
    const title = `${streams} streams while the server reloads (bare: before)`;
    return [
      makeRow(
        { name: "reload-dip", title, unit: "tokens/s", target: ratio("at least", 0.9) },
        runs.map(({ during, before }) => ({ ours: during, other: before })),
      ),
      makeRow(
        {
          name: "reload-dip-worst",
          title: `the same: the worst ${SLICE_MS} ms`,
          unit: "tokens/s",
          target: ratio("at least", 0.5),
        },
        runs.map(({ worst, before }) => ({ ours: worst, other: before })),
      ),
    ];
  },
};

/** Tokens per second. */
interface Rates {
  before: number;
  during: number;
  /** In the slice of the reload with the fewest. */
  worst: number;
}

async function reloadUnderLoad(
  bench: Bench,
  server: Server,
  streams: number,
  seconds: number,
): Promise<Rates> {
  let tokens = 0;
  let wanted = true;
  const read = async (index: number) => {
    // Not all in step: their ends would be a dip by themselves.
    await sleep((index * TIMES * INTERVAL_MS) / streams);
    while (wanted) {
      const path = `/count?interval=${INTERVAL_MS}&times=${TIMES}`;
      const stream = new LineStream(server.port, path, (line) => {
        if (line !== "end") tokens++;
      });
      if ((await stream.over) !== "whole") {
        bench.fail("reload: a stream was cut");
        await sleep(100);
      }
    }
  };
  const readers = Promise.all(Array.from({ length: streams }, (_, index) => read(index)));
  try {
    await sleep(2 * TIMES * INTERVAL_MS);
    const rate = async (ms: number) => {
      const at = performance.now();
      const had = tokens;
      await sleep(ms);
      return { tokens: tokens - had, ms: performance.now() - at };
    };
    const before = await rate(seconds * 1000);
    const old = await workers(server);
    server.signal("SIGHUP");
    let over = false;
    const drained = until(
      "the old workers have gone",
      async () => {
        const now = await workers(server);
        return now.length === old.length && !now.some((pid) => old.includes(pid));
      },
      { ms: 20_000, everyMs: 100 },
    ).finally(() => {
      over = true;
    });
    drained.catch(() => {});
    const slices: { tokens: number; ms: number }[] = [];
    while (!over) slices.push(await rate(SLICE_MS));
    await drained;
    const perSecond = (slice: { tokens: number; ms: number }) => (slice.tokens * 1000) / slice.ms;
    const sum = (pick: (slice: { tokens: number; ms: number }) => number) =>
      slices.reduce((all, slice) => all + pick(slice), 0);
    return {
      before: perSecond(before),
      during: perSecond({ tokens: sum((slice) => slice.tokens), ms: sum((slice) => slice.ms) }),
      worst: Math.min(...slices.map(perSecond)),
    };
  } finally {
    wanted = false;
    await readers;
  }
}

async function workers(server: Server): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await server.processes())
    if (/^tsunicorn: (http|dirty) worker/.test(await processTitle(pid))) found.push(pid);
  return found;
}
