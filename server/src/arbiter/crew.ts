import type { Kind } from "../process/channel.ts";
import { Backoff } from "./backoff.ts";
import type { Child } from "./child.ts";

/** All children of one kind: how many there should be, those that there are, and how their starts went. */
export class Crew {
  readonly kind: Kind;
  /** How many should serve. */
  target: number;
  /** Seconds that a child may take until it is ready. */
  readonly startTimeout: number;
  readonly children = new Set<Child>();
  readonly backoff = new Backoff();
  /** Whether one was ever ready: before that, failures end the start instead of being retried for ever. */
  everReady = false;
  /** Why the last one could not start. */
  lastFailure = "";

  constructor(kind: Kind, target: number, startTimeout: number) {
    this.kind = kind;
    this.target = target;
    this.startTimeout = startTimeout;
  }

  /** Those that were not asked to stop. */
  get active(): Child[] {
    return [...this.children].filter((child) => !child.stopping);
  }

  /** How many serve right now. */
  get readyCount(): number {
    return this.active.filter((child) => child.ready).length;
  }
}
