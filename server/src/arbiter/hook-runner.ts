import { SHARE_ENV, Worker } from "node:worker_threads";
import type { Logger } from "pino";
import { OWN_OUTPUT, passOutputOn } from "../process/thread-output.ts";
import type { FromHookThread, HookCall, HookThreadData } from "./hook-messages.ts";

/** ms that a hook may take. */
export const HOOK_MS = 30_000;
/** Hooks that wait while one runs; when one takes long, workers that fail must not fill the memory. */
const MAX_WAITING = 256;
/** MiB of a thread's heap: a hook that needs more ends its thread, not the arbiter. */
const HEAP_MB = 256;

/** A hook failed: it threw, took too long, or ended its thread. The message is the reason. */
export class HookError extends Error {
  override readonly name = "HookError";
  /** Where it was thrown; empty where nothing was. */
  readonly thrownAt: string;

  constructor(reason: string, thrownAt = "") {
    super(reason);
    this.thrownAt = thrownAt;
  }
}

interface Waiting {
  readonly call: HookCall;
  readonly settle: (error?: HookError) => void;
}

/**
 * Runs the hooks of one config file in a thread, one after the other in the order of the calls. A thread that ends,
 * or that has to be ended because a hook takes too long, is replaced when the next hook is due.
 */
export class HookRunner {
  private readonly data: HookThreadData;
  private readonly log: Logger;
  private thread: Worker | undefined;
  private running: Waiting | undefined;
  private waiting: Waiting[] = [];
  private timer: NodeJS.Timeout | undefined;
  private retired = false;
  private ended: (() => void) | undefined;

  constructor(data: HookThreadData, log: Logger) {
    this.data = data;
    this.log = log;
    // At once, not with the first call: what runs later is what was loaded with the settings.
    this.thread = this.open();
  }

  /**
   * Runs a hook when those before it have ended.
   * @throws {HookError} when it failed, or was not run.
   */
  async run(call: HookCall): Promise<void> {
    if (this.retired || this.waiting.length >= MAX_WAITING)
      throw new HookError(this.retired ? "the server has ended" : "too many hooks are waiting");
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: HookError): void => (error === undefined ? resolve() : reject(error));
      this.waiting.push({ call, settle });
      this.next();
    });
  }

  /** Gives up what is running and waiting, except for the hook that is named. */
  drop(reason: string, except?: HookCall["name"]): void {
    const dropped = this.waiting.filter(({ call }) => call.name !== except);
    this.waiting = this.waiting.filter(({ call }) => call.name === except);
    for (const { settle } of dropped) settle(new HookError(reason));
    if (this.running !== undefined && this.running.call.name !== except) this.abandon(reason);
  }

  /** Takes no further call, ends the thread when the last one is done, and calls back then. */
  retire(ended: () => void): void {
    this.retired = true;
    this.ended = ended;
    this.next();
  }

  /** Ends the thread now. */
  async close(): Promise<void> {
    const { thread } = this;
    this.retired = true;
    this.thread = undefined;
    await thread?.terminate();
  }

  private next(): void {
    if (this.running !== undefined) return;
    this.running = this.waiting.shift();
    if (this.running === undefined) {
      if (this.retired) void this.close().then(this.ended);
      return;
    }
    this.thread ??= this.open();
    this.thread.postMessage(this.running.call);
    this.timer = setTimeout(() => this.abandon(`it took longer than ${HOOK_MS / 1000} s`), HOOK_MS);
  }

  private done(error?: HookError): void {
    clearTimeout(this.timer);
    const { running } = this;
    this.running = undefined;
    running?.settle(error);
    this.next();
  }

  // What a thread is doing cannot be stopped otherwise.
  private abandon(reason: string): void {
    void this.thread?.terminate();
    this.thread = undefined;
    this.done(new HookError(reason));
  }

  private open(): Worker {
    const thread = new Worker(new URL("./hook-thread-main.js", import.meta.url), {
      workerData: this.data,
      ...OWN_OUTPUT,
      // What a hook writes into process.env is meant for the server and its children.
      env: SHARE_ENV,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    passOutputOn(thread);
    thread.unref();
    let reason = "it exited, which ended its thread";
    thread.on("message", (message: FromHookThread) => {
      if (message.type === "log") this.write(message.line);
      else if (this.thread !== thread) return;
      else if (message.type === "broken") reason = message.reason;
      else if (message.type === "failed") this.done(new HookError(message.reason, message.stack));
      else this.done();
    });
    thread.on("error", (error) => {
      reason = error.message;
    });
    thread.on("exit", () => {
      if (this.thread !== thread) return;
      this.thread = undefined;
      if (this.running !== undefined) this.done(new HookError(reason));
      else if (!this.retired) this.log.error(`the thread of the hooks has ended: ${reason}`);
    });
    return thread;
  }

  private write(line: string): void {
    const { level, msg, ...more }: { level: "debug"; msg?: string } = JSON.parse(line);
    this.log[level]({ ...more, from: "hook" }, msg);
  }
}
