import { DirtyApp } from "tsunicorn";

/** Now, in ms, on the machine's monotonic clock: the same in all of its processes. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Waits; ends early, without an error, when `signal` is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", settle);
      resolve();
    };
    const timer = setTimeout(settle, ms);
    signal.addEventListener("abort", settle);
  });
}

/** A dirty app that says which process runs it, and when its runs were aborted. */
export class FaultsApp extends DirtyApp {
  static override concurrency = 10_000;
  static override continues = ["count"];

  #aborts: Record<string, number> = {};

  /**
   * Counts: each token is this process's id and the next number. It goes on where another worker was cut off.
   * @param name of the run, for `aborts`
   * @param intervalMs time between one number and the next
   * @param times numbers in all
   */
  async *count(name: string, intervalMs: number, times: number) {
    const { signal, emitted } = this.request;
    signal.addEventListener("abort", () => {
      this.#aborts[name] = monotonicMs();
    });
    for (let number = emitted.length; number < times; number++) {
      if (number > 0) await pause(intervalMs, signal);
      if (signal.aborted) return;
      yield `${process.pid}:${number}`;
    }
  }

  /** When each run was aborted that was aborted since this was last asked, by name, on the monotonic clock. */
  aborts(): Record<string, number> {
    const aborts = this.#aborts;
    this.#aborts = {};
    return aborts;
  }
}
