import { setTimeout as sleep } from "node:timers/promises";
import { type Action, type Fault, type FaultLog, KINDS, type Kind } from "./fault-log.ts";
import { type Fleet, kill, type Member } from "./fleet.ts";
import { LIMITS, SLACK_MS } from "./limits.ts";
import type { Random } from "./random.ts";

const KIND_WEIGHTS: Record<Kind, number> = { "http worker": 4, "dirty worker": 4, "dirty arbiter": 2 };
const ACTION_WEIGHTS: Record<Action, number> = { kill: 55, pause: 33, stop: 7, hang: 5 };
const PAUSE_MS = { low: 50, high: 2_500 };
const WATCH_MS = 50;
/** Longer than any process takes to be heard again after a pause. */
const REST_MS = 2_000;
/** Longer than the arbiter ever waits before it starts a process again. */
const SUCCESSOR_MS = 35_000;

/**
 * ms after which the server must have replaced a process that is stuck. Nothing watches over a dirty arbiter that is
 * alive and silent, nor over a dirty worker without runs: those the chaos ends itself, as an operator would, and counts.
 */
const REPLACED_MS: Record<Kind, number> = {
  "http worker": LIMITS.timeout * 1000 + SLACK_MS,
  "dirty worker": (LIMITS.dirtyTimeout + LIMITS.dirtyAbortGrace) * 1000 + SLACK_MS,
  "dirty arbiter": 3_000,
};

/** How a run's faults are chosen. */
export interface InjectorOptions {
  /** Mean time between faults, in ms. */
  readonly every: number;
  /** Mean time between reloads, in ms; 0 for none. */
  readonly reloadEvery: number;
  /** Kinds of processes that faults are done to. */
  readonly kinds: readonly Kind[];
  /** ms since the run began. */
  now(): number;
}

/** Does faults to a fleet at random times, and follows each until it is over. */
export class Injector {
  /** How many reloads were asked for. */
  reloads = 0;
  readonly #fleet: Fleet;
  readonly #log: FaultLog;
  readonly #random: Random;
  readonly #options: InjectorOptions;
  readonly #stuck = new Map<number, Kind>();
  /** Until when a process that was paused is let be, for two pauses with nothing between them would be one too long. */
  readonly #resting = new Map<number, number>();
  readonly #following = new Set<Promise<void>>();

  constructor(fleet: Fleet, log: FaultLog, random: Random, options: InjectorOptions) {
    this.#fleet = fleet;
    this.#log = log;
    this.#random = random;
    this.#options = options;
  }

  /** Does faults until `signal` is aborted, then waits until each process that is stuck was replaced. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#faults(signal), this.#reloading(signal)]);
    await Promise.all(this.#following);
  }

  async #faults(signal: AbortSignal): Promise<void> {
    const random = this.#random.fork("faults");
    const weights = { ...KIND_WEIGHTS };
    for (const kind of KINDS) if (!this.#options.kinds.includes(kind)) weights[kind] = 0;
    // Absolute times: what a fault itself takes must not make the next one later.
    let due = this.#options.now();
    for (;;) {
      due += random.interval(this.#options.every);
      if (!(await pause(due - this.#options.now(), signal))) return;
      const kind = random.weighted(weights);
      const action = random.weighted(ACTION_WEIGHTS);
      const length = random.between(PAUSE_MS.low, PAUSE_MS.high);
      const choice = random.next();
      const members = (await this.#fleet.members()).filter(
        (member) => member.kind === kind && !this.#stuck.has(member.pid) && !this.#rests(member.pid, action),
      );
      const member = members[Math.floor(choice * members.length)];
      if (member === undefined) continue;
      // One at a time of each kind: with all of them stuck nothing could be seen but that.
      const isLast = [...this.#stuck.values()].includes(kind);
      this.#begin(member, isLast && (action === "stop" || action === "hang") ? "kill" : action, length);
    }
  }

  #rests(pid: number, action: Action): boolean {
    return action === "pause" && (this.#resting.get(pid) ?? 0) > this.#options.now();
  }

  async #reloading(signal: AbortSignal): Promise<void> {
    const { reloadEvery } = this.#options;
    if (reloadEvery === 0) return;
    const random = this.#random.fork("reloads");
    while (await pause(reloadEvery * (0.5 + random.next()), signal)) {
      this.reloads++;
      this.#fleet.reload();
    }
  }

  #begin(member: Member, action: Action, length: number): void {
    const { pid, kind } = member;
    const signal = { kill: "SIGKILL", pause: "SIGSTOP", stop: "SIGSTOP", hang: "SIGPWR" } as const;
    const fault = this.#log.add(kind, action, pid, this.#options.now());
    if (!kill(pid, signal[action])) {
      fault.over = this.#options.now();
      return;
    }
    this.#stuck.set(pid, kind);
    const ready = this.#fleet.log.readyOf(kind);
    const over = this.#follow(member, fault, length).finally(() => {
      fault.over = this.#options.now();
      this.#stuck.delete(pid);
    });
    const following = over
      .then(() =>
        kind === "dirty arbiter" && action !== "pause" ? this.#awaitSuccessor(fault, ready) : undefined,
      )
      .finally(() => this.#following.delete(following));
    this.#following.add(following);
  }

  async #awaitSuccessor(fault: Fault, before: readonly number[]): Promise<void> {
    const until = this.#options.now() + SUCCESSOR_MS;
    while (this.#options.now() < until) {
      if (this.#fleet.log.readyOf(fault.kind).some((pid) => !before.includes(pid))) break;
      await sleep(WATCH_MS);
    }
    fault.replacedAt = this.#options.now();
  }

  async #follow(member: Member, fault: Fault, length: number): Promise<void> {
    const limit = fault.action === "pause" ? length : REPLACED_MS[fault.kind];
    const until = fault.at + limit;
    while (this.#options.now() < until) {
      await sleep(Math.min(WATCH_MS, Math.max(1, until - this.#options.now())));
      if (!this.#fleet.has(member.pid)) return;
    }
    if (fault.action === "pause") {
      kill(member.pid, "SIGCONT");
      this.#resting.set(member.pid, this.#options.now() + REST_MS);
      return;
    }
    fault.byHand = true;
    kill(member.pid, "SIGKILL");
  }
}

/** What became of the faults, one line for each kind and action. */
export function tally(
  faults: readonly Fault[],
): { kind: Kind; counts: Record<Action, number>; byHand: number }[] {
  return KINDS.map((kind) => {
    const mine = faults.filter((fault) => fault.kind === kind);
    const count = (action: Action) => mine.filter((fault) => fault.action === action).length;
    return {
      kind,
      counts: { kill: count("kill"), pause: count("pause"), stop: count("stop"), hang: count("hang") },
      byHand: mine.filter((fault) => fault.byHand).length,
    };
  });
}

/** Waits; gives false, at once, when `signal` is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  try {
    await sleep(Math.max(0, ms), undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
