import { halfCloser } from "./clients/half-closer.ts";
import { leaver } from "./clients/leaver.ts";
import { plain } from "./clients/plain.ts";
import { resumable } from "./clients/resumable.ts";
import { secondReader } from "./clients/second-reader.ts";
import { slowReader } from "./clients/slow-reader.ts";
import { sync } from "./clients/sync.ts";
import { streamsOpen } from "./exchange.ts";
import { pause } from "./injector.ts";
import type { Random } from "./random.ts";
import { Trace } from "./trace.ts";
import type { Client, Verdict, World } from "./world.ts";

const CLIENTS: Readonly<Record<string, { client: Client; weight: number; resumes?: boolean }>> = {
  plain: { client: plain, weight: 30 },
  resumable: { client: resumable, weight: 35, resumes: true },
  "second reader": { client: secondReader, weight: 7, resumes: true },
  "slow reader": { client: slowReader, weight: 8 },
  leaver: { client: leaver, weight: 12 },
  sync: { client: sync, weight: 5 },
  "half-closer": { client: halfCloser, weight: 3 },
};
/** ms over which the first clients come: not all in one moment. */
const ARRIVE_MS = 2_000;
const SAMPLE_MS = 250;

/** Something that must never happen, and the events that led to it. */
export interface Violation {
  readonly who: string;
  readonly what: string;
  readonly at: number;
  readonly trace: readonly string[];
}

/** What a crowd of clients met, added up. */
export interface CrowdResult {
  /** How often each kind of client ended in each way. */
  readonly outcomes: Record<string, Record<string, number>>;
  /** How often each event happened which ended no client. */
  readonly events: Record<string, number>;
  readonly violations: Violation[];
  tokens: number;
  /** Streams that were open, in samples. */
  readonly open: number[];
}

/** An empty result; several crowds may add to one. */
export function noResult(): CrowdResult {
  return { outcomes: {}, events: {}, violations: [], tokens: 0, open: [] };
}

/**
 * Keeps a number of clients busy, one after another in each place, until `signal` is aborted. Then it waits for the last.
 *
 * @param part is in the names of the clients, which must differ between the crowds of a run.
 */
export async function crowd(
  world: Omit<World, "count">,
  { size, random, part, into }: { size: number; random: Random; part: string; into: CrowdResult },
  signal: AbortSignal,
): Promise<void> {
  const known: World = {
    ...world,
    count: (what) => {
      into.events[what] = (into.events[what] ?? 0) + 1;
    },
  };
  const weights = Object.fromEntries(
    Object.entries(CLIENTS).map(([kind, { weight, resumes }]) => [
      kind,
      resumes && !world.features.resume ? 0 : weight,
    ]),
  );
  let number = 0;
  const sampling = setInterval(() => into.open.push(streamsOpen()), SAMPLE_MS);
  const place = async (index: number): Promise<void> => {
    if (!(await pause((ARRIVE_MS * index) / size, signal))) return;
    while (!signal.aborted) {
      const name = `${part}${(++number).toString(36)}`;
      const own = random.fork(name);
      const kind = own.weighted(weights);
      const trace = new Trace(world.now);
      const verdict = await (CLIENTS[kind]?.client ?? plain)(known, { name, random: own, trace }).catch(
        (error: unknown): Verdict => ({
          outcome: "violation",
          tokens: 0,
          violation: `the client itself failed: ${error instanceof Error ? error.stack : String(error)}`,
        }),
      );
      into.tokens += verdict.tokens;
      const outcomes = into.outcomes[kind] ?? {};
      into.outcomes[kind] = outcomes;
      outcomes[verdict.outcome] = (outcomes[verdict.outcome] ?? 0) + 1;
      if (verdict.violation !== undefined)
        into.violations.push({
          who: `${kind} ${name}`,
          what: verdict.violation,
          at: world.now(),
          trace: trace.lines,
        });
    }
  };
  const places = Promise.all(Array.from({ length: size }, (_, index) => place(index)));
  signal.addEventListener("abort", () => clearInterval(sampling), { once: true });
  await places;
}
