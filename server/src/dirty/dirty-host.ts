import type { CallTarget } from "./call-context.ts";
import type { CallOptions } from "./call-options.ts";
import type { CallReader } from "./call-reader.ts";

/** An app and how many workers are ready to run it. */
export interface DirtyAppStatus {
  /** Canonical name, as `chat-app:ChatApp`. */
  app: string;
  workers: number;
}

/** What the dirty side looks like from this process, as last heard. */
export interface DirtyStatus {
  /** Whether every configured app has at least one worker that is ready. */
  ready: boolean;
  apps: DirtyAppStatus[];
}

/** Who carries the operations of the stash. */
export interface StashAsker {
  /** Asks for an operation. @returns its result, or `NO_ENTRY`. */
  ask(fields: Record<string, unknown>): Promise<unknown>;
}

/** What stands behind the clients of a process: the server's own dirty side, or a Gunicorn's. */
export interface DirtyHost {
  readonly stash: StashAsker;
  /** The name by which the other side knows the app of a spec. */
  nameOf(spec: string): string;
  /**
   * Makes a call, which has not begun.
   * @param target undefined to read the stream of `options.streamId` on.
   * @param after how many of its chunks are there already.
   */
  call(target: CallTarget | undefined, options: CallOptions, after?: number): CallReader;
  /** Ends a resumable stream by its name. */
  endStream(streamId: string): Promise<void>;
  /** Begins to listen for news, unless it does already. */
  open(): void;
  /** Waits until `status()` has something to say, but for `ms` at most. */
  heard(ms: number): Promise<void>;
  status(): DirtyStatus;
  /** Closes every connection; runs that go on are cancelled by that. */
  close(): void;
}
