import type { Target } from "./exchange.ts";
import type { FaultLog } from "./fault-log.ts";
import type { Features } from "./features.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** What every client knows. */
export interface World {
  readonly target: Target;
  /** Where slow readers go. */
  readonly slowTarget: Target;
  readonly features: Features;
  /** The most words of an answer; an answer of 80 takes about 11 s. */
  readonly words: number;
  readonly faults: FaultLog;
  /** ms since the run began. */
  now(): number;
  /** Counts an event that does not end its client: a refusal that was tried again, a resume. */
  count(what: string): void;
}

/** What one client is given: its own name, its own random numbers, its own trace. */
export interface Self {
  /** Letters and digits; no other client of the run has it. */
  readonly name: string;
  readonly random: Random;
  readonly trace: Trace;
}

/** What became of a client. */
export interface Verdict {
  /** In a word or two, to be counted. */
  readonly outcome: string;
  /** Tokens that it got, all right unless `violation` says otherwise. */
  readonly tokens: number;
  /** What must never happen and did. */
  readonly violation?: string;
}

/** A way to use the chat. Settles within a bound of its own; never rejects for what the server did. */
export type Client = (world: World, self: Self) => Promise<Verdict>;
