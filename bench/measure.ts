import type { LoadResult } from "./load/messages.ts";
import { LoadClient } from "./load-client.ts";
import type { Row, Target } from "./row.ts";
import { Server, type ServerPlan } from "./servers.ts";

/** What every measure is told. */
export interface Bench {
  /** Node's binary for the servers. */
  node: string;
  /** Major version of that Node; targets depend on it. */
  nodeMajor: number;
  /** Pairs of runs: ours and the other side's. */
  pairs: number;
  /** A folder for files of a measure; it is removed at the end. */
  folder: string;
  /** Sizes so small that the figures mean nothing: only to see that the bench works. */
  quick: boolean;
  /** Tells a person what is going on. */
  progress(text: string): void;
  /** Keeps what a load found, for the JSON. */
  record(what: string, result: LoadResult): void;
  /** Takes note of something that a reader of the table must know. */
  note(text: string): void;
  /** Counts answers that were wrong; the bench then ends with exit code 1. */
  fail(text: string): void;
}

/** A measure: it starts its servers itself and gives the lines of its part of the table. */
export interface Measure {
  /** For `--only`. */
  name: string;
  run(bench: Bench): Promise<Row[]>;
}

export type Side = "ours" | "bare";

/** A target in the table's words: a quotient of ours and the other side's. */
export function ratio(bound: "at least" | "at most", limit: number): Target {
  return { comparison: "ratio", bound, limit };
}

/**
 * Runs both sides `bench.pairs` times, in turn, so that a machine that grows slower disturbs both alike.
 * Which side begins changes from pair to pair.
 */
export async function alternate<Figures>(
  bench: Bench,
  name: string,
  run: (side: Side) => Promise<Figures>,
): Promise<{ ours: Figures; bare: Figures }[]> {
  const pairs: { ours: Figures; bare: Figures }[] = [];
  for (let number = 1; number <= bench.pairs; number++) {
    const turn = async (side: Side) => {
      bench.progress(`${name}: pair ${number} of ${bench.pairs}, ${side}`);
      return run(side);
    };
    if (number % 2 === 1) {
      const bare = await turn("bare");
      pairs.push({ ours: await turn("ours"), bare });
    } else {
      const ours = await turn("ours");
      pairs.push({ ours, bare: await turn("bare") });
    }
  }
  return pairs;
}

/** Starts a server and a load client, and ends both whatever happens. */
export async function withServer<Result>(
  plan: ServerPlan,
  use: (server: Server, client: LoadClient) => Promise<Result>,
): Promise<Result> {
  const server = await Server.start(plan);
  const client = LoadClient.start();
  try {
    return await use(server, client);
  } finally {
    client.stop();
    await server.stop();
  }
}

/** Share of its time above which the client, not the server, may be what limits a figure. */
const CLIENT_IS_LIMIT = 0.9;

/** Looks at what a load found beside its figures: wrong answers, and a client that was too busy to be trusted. */
export function inspect(bench: Bench, what: string, result: LoadResult): void {
  bench.record(what, result);
  for (const [reason, count] of Object.entries(result.failures)) bench.fail(`${what}: ${count} × ${reason}`);
  if (result.busy > CLIENT_IS_LIMIT && !bench.quick)
    bench.note(`${what}: the load client was busy ${Math.round(result.busy * 100)} % of the time`);
}

/** Failed answers of a load. */
export function failures(result: LoadResult): number {
  return Object.values(result.failures).reduce((sum, count) => sum + count, 0);
}
