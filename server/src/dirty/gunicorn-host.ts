import { DirtyStreamNotFoundError } from "../protocol/errors.ts";
import type { CallTarget } from "./call-context.ts";
import type { CallOptions } from "./call-options.ts";
import type { CallReader } from "./call-reader.ts";
import type { DirtyHost, DirtyStatus } from "./dirty-host.ts";
import { FailedCall } from "./failed-call.ts";
import { GunicornCall, type GunicornContext } from "./gunicorn-call.ts";
import { GunicornStash } from "./gunicorn-stash.ts";
import { GunicornWatch } from "./gunicorn-watch.ts";

/** What a process needs to call the apps of a Gunicorn. */
export interface GunicornSettings {
  /** Path of its dirty arbiter's socket. */
  socket: string;
  /** Apps that this server needs, as Gunicorn names them; empty: whatever it has. */
  apps: readonly string[];
  /** Seconds. */
  dirtyTimeout: number;
  /** Requests of this process that may wait for their first answer. */
  dirtyQueueSize: number;
}

/** The apps of a running Gunicorn, by its own protocol. It has no resumable streams and tells no places in its queues. */
export class GunicornHost implements DirtyHost {
  readonly stash: GunicornStash;
  private readonly context: GunicornContext;
  private readonly watch: GunicornWatch;

  constructor({ socket, apps, dirtyTimeout, dirtyQueueSize }: GunicornSettings) {
    this.context = {
      path: socket,
      timeoutMs: dirtyTimeout * 1000,
      // Here each request waits, if only for its first byte.
      mostWaiting: Math.max(1, dirtyQueueSize),
      waiting: 0,
    };
    this.stash = new GunicornStash(socket);
    this.watch = new GunicornWatch(socket, apps);
  }

  /** The spec itself: Gunicorn knows its apps by what its own config says, to the letter. */
  nameOf(spec: string): string {
    return spec;
  }

  call(target: CallTarget | undefined, options: CallOptions): CallReader {
    if (target === undefined) return new FailedCall(options, noStream());
    return new GunicornCall(this.context, target, options);
  }

  endStream(): Promise<void> {
    return Promise.reject(noStream());
  }

  open(): void {
    this.watch.open();
  }

  heard(ms: number): Promise<void> {
    return this.watch.heard(ms);
  }

  status(): DirtyStatus {
    return this.watch.status();
  }

  close(): void {
    this.watch.close();
    this.stash.close();
  }
}

function noStream(): DirtyStreamNotFoundError {
  return new DirtyStreamNotFoundError(
    "No stream has this id: the dirty apps run in Gunicorn, which keeps none.",
  );
}
