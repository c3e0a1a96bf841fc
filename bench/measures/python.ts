import { spawnSync } from "node:child_process";
import { type Bench, inspect, type Measure, withServer } from "../measure.ts";
import { barePythonPlan, pythonPlan } from "../plans.ts";
import { cpuSeconds } from "../process-tree.ts";
import { makeRow, type Pair, type Row, type Target } from "../row.ts";
import type { Server } from "../servers.ts";
import { CHAT } from "./chat-request.ts";

/** For a token's pace: what a plain generator takes there is a thread that wakes up. */
const INTERVAL_MS = 20;

/** What answers: a plain generator behind the server, an `async` one, one in TypeScript, and the other side. */
const WAYS = ["plain", "async", "simulated", "bare"] as const;
type Way = (typeof WAYS)[number];

interface Load {
  streams: number;
  tokens: number;
  intervalMs: number;
  rounds: number;
}

interface Figures {
  tokensPerSecond: number;
  /** Of all processes of the server. */
  cpuMicroseconds: number;
}

/** Of one pair of servers. */
interface Found {
  full: Record<Way, Figures>;
  paced: Record<"plain" | "async" | "bare", Figures>;
}

/** A generator in Python behind the server, beside the same in one Python process, and beside one in TypeScript. */
export const python: Measure = {
  name: "python",
  async run(bench) {
    if (spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status !== 0) {
      bench.note("python was left out: there is no python3 of 3.9 or later");
      return [];
    }
    const full = bench.quick
      ? { streams: 2, tokens: 100, intervalMs: 0, rounds: 2 }
      : { streams: 8, tokens: 1000, intervalMs: 0, rounds: 10 };
    const paced = bench.quick
      ? { streams: 5, tokens: 20, intervalMs: INTERVAL_MS, rounds: 1 }
      : { streams: 50, tokens: 100, intervalMs: INTERVAL_MS, rounds: 1 };
    const pairs: Found[] = [];
    for (let number = 1; number <= bench.pairs; number++) {
      bench.progress(`${this.name}: pair ${number} of ${bench.pairs}`);
      pairs.push(
        await withServer(pythonPlan(bench.node, full.tokens), (ours, client) =>
          withServer(barePythonPlan(), async (bare) => {
            const ask = async (way: Way, load: Load) => {
              const server = way === "bare" ? bare : ours;
              const result = await client.streams({
                port: server.port,
                path: CHAT,
                body: JSON.stringify({ prompt: `${load.tokens} ${load.intervalMs}`, model: way }),
                streams: load.streams,
                tokens: load.tokens,
                rounds: load.rounds,
                spreadMs: load.intervalMs,
                timeoutMs: 60_000,
              });
              inspect(bench, `python, ${way}`, result);
              return result;
            };
            return measure(bench, number, { full, paced }, { ours, bare }, ask);
          }),
        ),
      );
    }
    return rowsOf(pairs, full, paced);
  },
};

type Asked = (way: Way, load: Load) => Promise<{ tokens: number; roundMs: number[] }>;

/** The servers run side by side, one asked and the other idle; which begins changes from pair to pair. */
async function measure(
  bench: Bench,
  number: number,
  loads: { full: Load; paced: Load },
  servers: { ours: Server; bare: Server },
  ask: Asked,
): Promise<Found> {
  const turn = async (way: Way, load: Load): Promise<Figures> => {
    const processes = await servers[way === "bare" ? "bare" : "ours"].processes();
    const before = await total(processes);
    const { tokens, roundMs } = await ask(way, load);
    const seconds = roundMs.reduce((sum, ms) => sum + ms, 0) / 1000;
    return {
      tokensPerSecond: tokens / seconds,
      cpuMicroseconds: (((await total(processes)) - before) * 1e6) / tokens,
    };
  };
  const each = async <Some extends Way>(ways: readonly Some[], load: Load) => {
    const order = ways.map((_, at) => ways[(at + number) % ways.length] ?? ways[0]);
    const found: [Way, Figures][] = [];
    for (const way of order) if (way !== undefined) found.push([way, await turn(way, load)]);
    return Object.fromEntries(found) as Record<Some, Figures>;
  };
  if (!bench.quick) for (const way of WAYS) await ask(way, loads.full);
  return {
    full: await each(WAYS, loads.full),
    paced: await each(["plain", "async", "bare"], loads.paced),
  };
}

async function total(processes: readonly number[]): Promise<number> {
  return [...(await cpuSeconds(processes)).values()].reduce((sum, seconds) => sum + seconds, 0);
}

function rowsOf(pairs: readonly Found[], full: Load, paced: Load): Row[] {
  const told: Target = { comparison: "ratio", bound: "none" };
  const row = (name: string, title: string, unit: string, pair: (found: Found) => Pair) =>
    makeRow({ name, title, unit, target: told }, pairs.map(pair));
  const speed = (way: Way, other: Way) => (found: Found) => ({
    ours: found.full[way].tokensPerSecond,
    other: found.full[other].tokensPerSecond,
  });
  const cpu = (way: "plain" | "async") => (found: Found) => ({
    ours: found.paced[way].cpuMicroseconds,
    other: found.paced.bare.cpuMicroseconds,
  });
  const title = `Python generator, ${full.streams} streams × ${full.tokens} tokens, no delay`;
  const pace = `Python generator, ${paced.streams} streams, a token every ${INTERVAL_MS} ms: CPU per token`;
  return [
    row("python", title, "tokens/s", speed("plain", "bare")),
    row("python-cpu", "the same: CPU of all processes per token", "µs", (found) => ({
      ours: found.full.plain.cpuMicroseconds,
      other: found.full.bare.cpuMicroseconds,
    })),
    row("python-async", "the same, an async generator", "tokens/s", speed("async", "bare")),
    row(
      "python-by-typescript",
      "the same, beside a generator in TypeScript",
      "tokens/s",
      speed("plain", "simulated"),
    ),
    row("python-paced-cpu", pace, "µs", cpu("plain")),
    row("python-paced-cpu-async", "the same, an async generator", "µs", cpu("async")),
  ];
}
