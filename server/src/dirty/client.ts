import { parseAppSpec } from "../config/app-spec.ts";
import { DirtyConnectionError } from "../protocol/errors.ts";
import type { Hello } from "../protocol/messages.ts";
import { ArbiterLink } from "./arbiter-link.ts";
import { Call } from "./call.ts";
import type { CallContext, CallTarget } from "./call-context.ts";
import { type CallOptions, checkOptions, checkResumeOptions, type ResumeOptions } from "./call-options.ts";
import type { CallReader } from "./call-reader.ts";
import { traced } from "./caller-stack.ts";
import { EmittedBudget } from "./continuation.ts";
import { DirtyCall } from "./dirty-call.ts";
import type { DirtyHost, DirtyStatus } from "./dirty-host.ts";
import { endStream } from "./end-stream.ts";
import { StashLink } from "./stash-link.ts";
import type { DirtyResult, DirtyStream } from "./types.ts";
import { WorkerLinks } from "./worker-link.ts";

/** The untyped client: apps and actions by name. `dirty<App>()` is the typed one. */
export class DirtyClient {
  private readonly host: DirtyHost;
  private readonly options: CallOptions;

  constructor(host: DirtyHost, options: CallOptions = {}) {
    this.host = host;
    this.options = options;
  }

  /**
   * The same client with options bound to its calls: a signal, a timeout in seconds, a request id, a stream id, a
   * listener for places in the queue.
   * @throws TypeError when one of them is of a wrong kind.
   */
  with(options: CallOptions): DirtyClient {
    return new DirtyClient(this.host, { ...this.options, ...checkOptions(options) });
  }

  /**
   * Calls a plain action. It runs once it is awaited, and rejects with a DirtyError, or with the reason of
   * the signal that aborted it.
   */
  execute<T = unknown>(app: string, action: string, ...args: unknown[]): DirtyResult<T> {
    return this.call(app, action, args) as unknown as DirtyResult<T>;
  }

  /** Calls a generator action. It runs once it is iterated; leaving the loop cancels it. */
  stream<T = unknown>(app: string, action: string, ...args: unknown[]): DirtyStream<T> {
    return this.call(app, action, args) as unknown as DirtyStream<T>;
  }

  /**
   * Reads a resumable stream on: the chunks after the first `after` ones, through whichever process it is asked,
   * also before the first chunk and beside other readers. Iterated, or asked whether it is `accepted()`, it
   * rejects with DirtyStreamNotFoundError for an id that was never made or that is expired, and with
   * DirtyStreamGoneError when those chunks are not kept any more, or the run's worker died.
   * @throws TypeError when an option is of a wrong kind.
   */
  resume<T = unknown>(streamId: string, options: ResumeOptions = {}): DirtyStream<T> {
    const { after, ...rest } = checkResumeOptions(options);
    const call = new DirtyCall(this.host, undefined, { ...rest, streamId }, after);
    return call as unknown as DirtyStream<T>;
  }

  /**
   * Ends a resumable stream by its name, whether it waits, runs or is only kept; its readers get
   * DirtyCancelledError.
   * @throws DirtyStreamNotFoundError or DirtyStreamGoneError as `resume` does.
   */
  cancel(streamId: string): Promise<void> {
    return traced(this.host.endStream(streamId));
  }

  /** What the dirty side looks like right now. It asks no other process, so it costs nothing. */
  status(): DirtyStatus {
    return this.host.status();
  }

  private call(app: string, action: unknown, args: unknown[]): DirtyCall {
    // A name out of a request may be anything; sent as it is, it would end the connection for all calls.
    if (typeof action !== "string")
      throw new TypeError(`An action's name is a string, not a ${typeof action}.`);
    return new DirtyCall(this.host, { app: this.host.nameOf(app), action, args }, this.options);
  }
}

// Calls name their app by a few literals, over and over; parsing a path for each would be most of their cost.
const names = new Map<string, string>();
const MAX_NAMES = 256;

function canonicalName(spec: string): string {
  let name = names.get(spec);
  if (name === undefined) {
    name = parseAppSpec(spec).name;
    if (names.size < MAX_NAMES) names.set(spec, name);
  }
  return name;
}

/** What a process needs to make calls. */
export interface ClientSettings {
  /** Path of the dirty arbiter's socket. */
  socket: string;
  hello: Hello;
  /** Seconds. */
  dirtyTimeout: number;
  /** Seconds. */
  dirtyQueueTimeout: number;
  /** How often a run is continued by another worker. Default: 3. */
  migrationLimit?: number;
  /** Seconds that a resumable run goes on without a reader. Default: 30. */
  streamGrace?: number;
}

/** The connections behind all clients of a process, to the server's own dirty side. */
export class ClientHost implements DirtyHost {
  readonly context: CallContext;
  /** The connection for the stash. */
  readonly stash: StashLink;
  private readonly arbiter: ArbiterLink;
  private readonly workers: WorkerLinks;
  private calls = 0;

  constructor(settings: ClientSettings) {
    const { socket, hello } = settings;
    this.arbiter = new ArbiterLink(socket, hello);
    this.workers = new WorkerLinks(hello);
    this.stash = new StashLink(socket, hello);
    this.context = {
      arbiter: this.arbiter,
      workers: this.workers,
      timeoutMs: settings.dirtyTimeout * 1000,
      queueTimeoutMs: settings.dirtyQueueTimeout * 1000,
      migrationLimit: settings.migrationLimit ?? 3,
      graceMs: (settings.streamGrace ?? 30) * 1000,
      emitted: new EmittedBudget(),
      nextRequestId: () => `${hello.id}-${(++this.calls).toString(36)}`,
    };
  }

  nameOf(spec: string): string {
    return canonicalName(spec);
  }

  call(target: CallTarget | undefined, options: CallOptions, after?: number): CallReader {
    return new Call(this.context, target, options, after);
  }

  endStream(streamId: string): Promise<void> {
    return endStream(this.context, streamId);
  }

  /** Connects to the dirty arbiter. */
  open(): void {
    this.arbiter.open();
  }

  heard(ms: number): Promise<void> {
    return this.arbiter.heard(ms);
  }

  close(): void {
    this.arbiter.close();
    this.workers.close();
    this.stash.close();
  }

  status(): DirtyStatus {
    const { apps, connected } = this.arbiter;
    return { ready: connected && apps.every((app) => app.workers > 0), apps };
  }
}

const KEY = Symbol.for("tsunicorn.dirty");
const slot = globalThis as { [KEY]?: DirtyHost };

/** Makes this process's connections, once, before user code is loaded. */
export function setUpDirtyClient(settings: ClientSettings): ClientHost {
  const made = new ClientHost(settings);
  useDirtyHost(made);
  return made;
}

/** Has all clients of this process call through `host`. */
export function useDirtyHost(host: DirtyHost): void {
  slot[KEY] = host;
}

/**
 * The client of this process.
 * @throws DirtyConnectionError outside of a process that Tsunicorn started.
 */
export function getDirtyClient(): DirtyClient {
  const found = host();
  // In a dirty worker this is its first use, and `status()` is to have something to say.
  found.open();
  return new DirtyClient(found);
}

/** The connections of this process; for the typed client and the stash. */
export function host(): DirtyHost {
  const found = slot[KEY];
  if (found === undefined) {
    throw new DirtyConnectionError(
      "This process has no dirty arbiter: dirty apps can be called in processes that the tsunicorn command started.",
    );
  }
  return found;
}
