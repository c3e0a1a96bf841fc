import { backoff, browserWake, pause, type Wake } from "./wait.ts";

/** The longest that a question for the server's health may take. */
const HEALTH_MS = 5000;

/**
 * Whether the server is there. A failed request sets it to gone; then the server's health is asked for until it
 * is back. While all is well nothing is asked.
 */
export class ServerWatch {
  readonly #fetch: typeof fetch;
  readonly #wake: Wake;
  readonly #listeners = new Set<() => void>();
  #polling: AbortController | undefined;

  constructor(options: { fetch?: typeof fetch; wake?: Wake } = {}) {
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
    this.#wake = options.wake ?? browserWake;
  }

  /** True from the first request that did not reach the server until one does. */
  get isGone(): boolean {
    return this.#polling !== undefined;
  }

  /** Calls back on each change, until the function that it returns is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** A request did not reach the server. */
  reportGone(): void {
    if (this.#polling !== undefined) return;
    this.#polling = new AbortController();
    void this.#poll(this.#polling.signal);
    this.#notify();
  }

  /** A request reached the server. */
  reportThere(): void {
    if (this.#polling === undefined) return;
    this.#polling.abort();
    this.#polling = undefined;
    this.#notify();
  }

  async #poll(signal: AbortSignal): Promise<void> {
    for (let tries = 0; !signal.aborted; tries++) {
      await pause(backoff(tries), signal, this.#wake).catch(() => undefined);
      if (signal.aborted) return;
      const within = AbortSignal.any([signal, AbortSignal.timeout(HEALTH_MS)]);
      const answer = await this.#fetch("health", { cache: "no-store", signal: within }).catch(
        () => undefined,
      );
      if (answer?.ok === true && !signal.aborted) this.reportThere();
    }
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
