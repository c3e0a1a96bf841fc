import type { Kind } from "../process/channel.ts";

/** Why a child was replaced. */
export type RestartReason =
  /** It ended by itself, or was killed from outside. */
  | "died"
  /** It could not start, or not in time. */
  | "failed to start"
  /** It gave no sign of life. */
  | "silent"
  /** A run in it did not end within its time. */
  | "hung run"
  /** It had served as many requests as it may. */
  | "worn out"
  /** Files that it had loaded were changed. */
  | "changed files"
  | "reload"
  | "ctl kill";

/** How often children of a kind were replaced for a reason. */
export interface RestartCount {
  readonly kind: Kind;
  readonly reason: RestartReason;
  readonly count: number;
}

/** Counts replaced children since the server started. */
export class RestartCounts {
  private readonly counts = new Map<string, RestartCount>();

  /** Counts one. */
  add(kind: Kind, reason: RestartReason): void {
    const key = `${kind} ${reason}`;
    this.counts.set(key, { kind, reason, count: (this.counts.get(key)?.count ?? 0) + 1 });
  }

  /** All of them, by kind, then by reason. */
  list(): RestartCount[] {
    return [...this.counts.keys()].sort().flatMap((key) => this.counts.get(key) ?? []);
  }
}
