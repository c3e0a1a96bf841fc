import { setTimeout as sleep } from "node:timers/promises";
import { alternate, type Bench, failures, inspect, type Measure, type Side, withServer } from "../measure.ts";
import { barePlan, chatPlan } from "../plans.ts";
import { openFileLimit, pssBytes } from "../process-tree.ts";
import { makeRow } from "../row.ts";
import { median } from "../statistics.ts";
import { CHAT, PROMPT } from "./chat-request.ts";

/** Files that a process needs beside the sockets of its streams. */
const OTHER_FILES = 200;
const SETTLE_MS = 1_000;

interface Figures {
  failures: number;
  kilobytes: number;
}

/** Thousands of slow streams at once: whether each is served, and what each takes in memory. */
export const openStreams: Measure = {
  name: "open-streams",
  async run(bench) {
    const streams = bench.quick ? 50 : 5000;
    const limit = await openFileLimit();
    if (limit < streams + OTHER_FILES) {
      bench.fail(`open streams: not run, as a process may open ${limit} files only (see ulimit -Hn)`);
      return [];
    }
    const pairs = await alternate(bench, this.name, (side) => runOpen(bench, side, streams));
    const title = `${streams} open streams, 1 token/s`;
    const failed = {
      name: "open-stream-failures",
      title: `${title}: failures`,
      unit: "",
      target: { comparison: "absolute", bound: "at most", limit: 0 },
    } as const;
    const memory = {
      name: "memory-per-stream",
      title: "the same: PSS of all processes per stream above idle",
      unit: "KB",
      target: { comparison: "absolute", bound: "at most", limit: 30 },
    } as const;
    // The sum, not the median: a failure in one run of five is a failure.
    const sum = (side: Side) => pairs.reduce((all, pair) => all + pair[side].failures, 0);
    return [
      makeRow(failed, [{ ours: sum("ours"), other: sum("bare") }]),
      makeRow(
        memory,
        pairs.map(({ ours, bare }) => ({ ours: ours.kilobytes, other: bare.kilobytes })),
      ),
    ];
  },
};

async function runOpen(bench: Bench, side: Side, streams: number): Promise<Figures> {
  const rampMs = bench.quick ? 200 : 10_000;
  const samples = bench.quick ? 1 : 5;
  const intervalMs = bench.quick ? 100 : 1_000;
  // Enough tokens for the first stream to run until the last sample is taken.
  const tokens = Math.ceil(rampMs / intervalMs) + Math.ceil((samples * SETTLE_MS) / intervalMs) + 8;
  const plan = (side === "ours" ? chatPlan : barePlan)(bench.node, { tokens, intervalMs });
  const what = `open streams, ${side}`;
  return withServer(plan, async (server, client) => {
    const load = { port: server.port, path: CHAT, body: PROMPT, tokens, rounds: 1, timeoutMs: 120_000 };
    // One stream before the idle state is weighed, so that no code is loaded after that.
    inspect(bench, what, await client.streams({ ...load, streams: 1, spreadMs: 0 }));
    await sleep(SETTLE_MS);
    const idle = await pssBytes(await server.processes());
    const weights: number[] = [];
    let weighing: Promise<void> = Promise.resolve();
    let ended = false;
    const weigh = async () => {
      for (let sample = 0; sample < samples; sample++) {
        await sleep(SETTLE_MS);
        const pss = await pssBytes(await server.processes());
        if (ended) return;
        weights.push(pss);
      }
    };
    const result = await client.streams({ ...load, streams, spreadMs: rampMs }, () => {
      weighing = weigh();
    });
    ended = true;
    await weighing;
    inspect(bench, what, result);
    if (weights.length < samples)
      bench.fail(`${what}: streams ended before all ${samples} samples of the memory were taken`);
    const kilobytes = weights.length > 0 ? (median(weights) - idle) / streams / 1024 : Number.NaN;
    return { failures: failures(result), kilobytes };
  });
}
