import type { Source } from "../config/layer.ts";
import type { SettingName, Settings } from "../config/settings.ts";
import type { Kind } from "../process/channel.ts";
import type { RestartCount } from "./restart-counts.ts";

/**
 * Where a child is in its life. One that is outdated still serves: its successor is started first; then it is
 * draining, takes nothing new and finishes what it has.
 */
export type ChildState = "starting" | "ready" | "outdated" | "draining";

/** A child at one moment. */
export interface ChildSnapshot {
  readonly kind: Kind;
  /** Its number in the fleet. */
  readonly id: number;
  readonly pid: number;
  readonly state: ChildState;
  /** ms since the epoch. */
  readonly startedAt: number;
  /** When it was last heard, ms since the epoch. */
  readonly heardAt: number;
  /** The generation of settings and code that it was started with; the first is 1. */
  readonly generation: number;
  /** The apps that a dirty worker runs. */
  readonly apps: readonly string[];
}

/** A socket that the arbiter holds. */
export interface ListenerSnapshot {
  readonly serves: "http" | "dirty" | "control";
  /** For people: `http://127.0.0.1:8000`, `unix:/run/app.sock`. */
  readonly url: string;
}

/** The whole server at one moment, as far as the arbiter knows it without asking anybody. */
export interface FleetSnapshot {
  readonly pid: number;
  readonly state: "starting" | "running" | "reloading" | "stopping";
  /** ms since the epoch. */
  readonly startedAt: number;
  readonly generation: number;
  /** How many of each kind there should be. */
  readonly targets: Readonly<Record<Kind, number>>;
  readonly children: readonly ChildSnapshot[];
  readonly listeners: readonly ListenerSnapshot[];
  readonly settings: Settings;
  readonly sources: Readonly<Record<SettingName, Source>>;
  readonly restarts: readonly RestartCount[];
}

/** What can be scaled. */
export type ScalableKind = "http-worker" | "dirty-worker";

/** What the control socket acts on: the arbiter. */
export interface ControlTarget {
  snapshot(): FleetSnapshot;
  /**
   * Starts `by` workers more, or stops some where `by` is negative.
   * @param app of which dirty app, by its name or a part of it; where each has workers of its own it must be said.
   * @returns how many there are from now on.
   * @throws Error with the reason why not; nothing has changed then.
   */
  scale(kind: ScalableKind, by: number, app?: string): number;
  /**
   * Kills a child at once, which is then replaced.
   * @throws Error when no child of that kind has that process id.
   */
  kill(kind: Kind, pid: number): void;
  /**
   * Replaces every worker by one with new settings and new code.
   * @returns in words, what was done; once the old ones are draining.
   * @throws Error with the reason why the new generation was given up; the old one serves on then.
   */
  reload(): Promise<string>;
  /** Has every process open its log file again. */
  reopenLogs(): void;
  /** Stops the server; `graceful`: requests in progress may finish. */
  stop(graceful: boolean): void;
  /** Asks a child for its report. Undefined when there is no such child, or when it does not answer in time. */
  report(pid: number): Promise<unknown>;
}
