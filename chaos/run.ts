import { setMaxListeners } from "node:events";
import { type CrowdResult, crowd, noResult, type Violation } from "./crowd.ts";
import { FaultLog, type Kind } from "./fault-log.ts";
import type { Features } from "./features.ts";
import { Fleet, type Holdings, type Leftovers } from "./fleet.ts";
import { Injector, pause } from "./injector.ts";
import { LIMITS, SLACK_MS } from "./limits.ts";
import { Random } from "./random.ts";

/** The simulated model under chaos: it echoes, a token every 20 to 100 ms. */
const MODEL = {
  CHAT_SIMULATED_ANSWER: "echo",
  CHAT_SIMULATED_PAUSE: "token",
  CHAT_TOKEN_DELAY_MS: "20-100",
};
const FULL_STRENGTH_MS = 90_000;
/** ms that the idle server is left alone before it is weighed. */
const SETTLE_MS = 3_000;
const STOP_MS = (LIMITS.gracefulTimeout + LIMITS.dirtyGracefulTimeout) * 1000 + SLACK_MS;

/** What a run is asked for. */
export interface RunOptions {
  readonly seconds: number;
  readonly streams: number;
  /** The most words of an answer. */
  readonly words: number;
  /** Mean time between faults, in ms. */
  readonly every: number;
  /** Mean time between reloads, in ms. */
  readonly reloadEvery: number;
  /** Kinds of processes that faults are done to. */
  readonly kinds: readonly Kind[];
  readonly seed: string;
  readonly features: Features;
  /** Seconds of load without faults, before and after: so code that is loaded late is not taken for a leak. */
  readonly calmSeconds: number;
  /** Ends the run early, in order. */
  readonly signal: AbortSignal;
  progress(text: string): void;
}

/** What a run found. */
export interface RunResult {
  readonly calm: CrowdResult;
  readonly stormy: CrowdResult;
  readonly faults: FaultLog;
  readonly reloads: number;
  readonly before: Holdings;
  readonly after: Holdings | undefined;
  readonly leftovers: Leftovers;
  /** What must never happen, of clients and of the server as a whole. */
  readonly violations: Violation[];
  /** The end of the server's log. */
  readonly log: readonly string[];
}

/**
 * Starts the chat, runs it under load without faults, with faults, and without again, and ends it.
 * @throws Error when the chat cannot be started.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { seconds, streams, seed, features, words, progress } = options;
  const began = performance.now();
  const now = () => performance.now() - began;
  const random = new Random(seed);
  const faults = new FaultLog();
  const calm = noResult();
  const stormy = noResult();
  const violations: Violation[] = [];
  const blame = (what: string) => violations.push({ who: "server", what, at: now(), trace: [] });
  progress("starting the chat");
  const fleet = await Fleet.start(MODEL);
  const lastResort = () => fleet.destroy();
  process.once("exit", lastResort);
  try {
    const world = {
      target: fleet.target,
      slowTarget: { socketPath: fleet.socketPath },
      words,
      features,
      faults,
      now,
    };
    // A tenth more than were asked for: between two streams of a place there is a moment with none.
    const size = Math.ceil(streams * 1.1);
    const load = async (part: string, into: CrowdResult, s: number) => {
      const signal = within(s * 1000, options.signal);
      await crowd(world, { size, random: random.fork(part), part, into }, signal);
    };
    const weigh = async () => {
      await pause(SETTLE_MS, options.signal);
      await fleet.collectGarbage();
      return fleet.holdings();
    };

    progress(`${options.calmSeconds} s of load without faults`);
    await load("a", calm, options.calmSeconds);
    const before = await weigh();

    progress(`${seconds} s of load with a fault every ${options.every} ms`);
    const injector = new Injector(fleet, faults, random, {
      every: options.every,
      kinds: options.kinds,
      reloadEvery: features.reload ? options.reloadEvery : 0,
      now,
    });
    const storm = within(seconds * 1000, options.signal);
    const report = setInterval(() => {
      const found = stormy.violations.length;
      progress(
        `${Math.round(now() / 1000)} s: ${faults.faults.length} faults, ${stormy.tokens} tokens, ${found} violations`,
      );
    }, 10_000);
    await Promise.all([injector.run(storm), load("b", stormy, seconds)]);
    clearInterval(report);

    let after: Holdings | undefined;
    if (fleet.end !== undefined) blame(`the arbiter ended: ${fleet.end}`);
    else if (!(await fleet.isAtFullStrength(FULL_STRENGTH_MS)))
      blame(`not at full strength ${FULL_STRENGTH_MS} ms after the last fault`);
    else if (!options.signal.aborted) {
      progress(`${options.calmSeconds} s of load without faults`);
      await load("c", calm, options.calmSeconds);
      after = await weigh();
      for (const what of grown(before, after)) blame(what);
    }

    progress("stopping the chat");
    const leftovers = await fleet.stop(STOP_MS);
    for (const left of leftovers.processes) blame(`a process is left over: ${left}`);
    for (const left of leftovers.files) blame(`a file is left over: ${left}`);
    violations.push(...calm.violations, ...stormy.violations);
    const { reloads } = injector;
    return { calm, stormy, faults, reloads, before, after, leftovers, violations, log: fleet.log.lines };
  } finally {
    process.off("exit", lastResort);
    fleet.destroy();
  }
}

/**
 * A signal that is aborted after a time, or with another. AbortSignal.any() would not do: it may collect a timeout
 * that only it refers to.
 */
function within(ms: number, signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  // Each client waits on it.
  setMaxListeners(0, controller.signal);
  const abort = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    controller.abort();
  };
  const timer = setTimeout(abort, ms);
  signal.addEventListener("abort", abort);
  return controller.signal;
}

/** PSS of all processes, in bytes. */
export function totalMemory({ memory }: Holdings): number {
  return Object.values(memory).reduce((sum, bytes) => sum + bytes, 0);
}

const MOST_GROWTH = 1.1;

/** What an idle server holds after the faults that it did not hold before. */
export function grown(before: Holdings, after: Holdings): string[] {
  const found: string[] = [];
  const ratio = totalMemory(after) / totalMemory(before);
  if (ratio > MOST_GROWTH) found.push(`memory grew to ${Math.round(ratio * 100)} %`);
  if (after.arbiterFiles > before.arbiterFiles)
    found.push(`the arbiter has ${after.arbiterFiles} open files, and had ${before.arbiterFiles}`);
  if (after.files.length > before.files.length)
    found.push(`files: ${after.files.join(" ")}, before: ${before.files.join(" ")}`);
  return found;
}
