import type { ArbiterLink } from "./arbiter-link.ts";
import type { EmittedBudget } from "./continuation.ts";
import type { WorkerLinks } from "./worker-link.ts";

/** What is called. */
export interface CallTarget {
  /** Canonical name of the app. */
  app: string;
  action: string;
  args: unknown[];
  /** A foreign client's keyword arguments; the action gets them as one plain object, its last argument. */
  kwargs?: Record<string, unknown>;
}

/** What all calls of a process share. */
export interface CallContext {
  readonly arbiter: ArbiterLink;
  readonly workers: WorkerLinks;
  /** `dirtyTimeout` in ms. */
  readonly timeoutMs: number;
  /** `dirtyQueueTimeout` in ms. */
  readonly queueTimeoutMs: number;
  /** `migrationLimit`. */
  readonly migrationLimit: number;
  /** `streamGrace` in ms. */
  readonly graceMs: number;
  /** What its calls keep together of what was emitted. */
  readonly emitted: EmittedBudget;
  /** Makes an id for a call that was given none. */
  nextRequestId(): string;
}
