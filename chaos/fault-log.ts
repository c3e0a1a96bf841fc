/** The kinds of processes that faults are done to. Never the arbiter: there is one, and it is the supervisor. */
export const KINDS = ["http worker", "dirty worker", "dirty arbiter"] as const;
export type Kind = (typeof KINDS)[number];

/**
 * `kill`: SIGKILL. `pause`: SIGSTOP, and SIGCONT after a while. `stop`: SIGSTOP until something replaces the process.
 * `hang`: its event loop spins until something replaces it.
 */
export const ACTIONS = ["kill", "pause", "stop", "hang"] as const;
export type Action = (typeof ACTIONS)[number];

/** One fault. Times are in ms since the run began. */
export interface Fault {
  readonly kind: Kind;
  readonly action: Action;
  readonly pid: number;
  readonly at: number;
  /** When the process was gone, or went on; undefined while it is stuck. */
  over: number | undefined;
  /** When its successor was ready, where that was looked for; undefined until then. */
  replacedAt: number | undefined;
  /** Whether the server did not replace the process in time, so that the chaos itself killed it. */
  byHand: boolean;
}

/** All faults of a run: what a client's failure can be explained by. */
export class FaultLog {
  readonly faults: Fault[] = [];

  /** Notes that a fault begins. */
  add(kind: Kind, action: Action, pid: number, at: number): Fault {
    const fault: Fault = { kind, action, pid, at, over: undefined, replacedAt: undefined, byHand: false };
    this.faults.push(fault);
    return fault;
  }

  /** The faults of a kind that were, wholly or in part, between two times. */
  between(kind: Kind, from: number, to: number): Fault[] {
    return this.faults.filter((fault) => fault.kind === kind && fault.at <= to && (fault.over ?? to) >= from);
  }

  /** How many processes of a kind died between two times. */
  deaths(kind: Kind, from: number, to: number): number {
    return this.faults.filter(
      ({ over, ...fault }) =>
        fault.kind === kind && fault.action !== "pause" && over !== undefined && over >= from && over <= to,
    ).length;
  }
}
