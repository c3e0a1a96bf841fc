import { setTimeout as sleep } from "node:timers/promises";
import { AnswerCheck } from "./answer-check.ts";
import { type Ask, type Ending, Exchange, type Target } from "./exchange.ts";
import type { KnownText } from "./known-text.ts";
import { PATIENCE_MS, REQUEST_MS } from "./limits.ts";
import { mayBeCut, mayFail } from "./rules.ts";
import type { Self, Verdict, World } from "./world.ts";

/** The errors that a status would be 429 or 503 for. */
const BUSY: ReadonlySet<string> = new Set([
  "queue_full",
  "queue_timeout",
  "draining",
  "no_workers",
  "unavailable",
]);

/** How one request for a stream is made and read. */
export interface AttemptOptions {
  readonly target?: Target;
  readonly ask: Ask;
  readonly text: KnownText;
  /** Whether events have ids. */
  readonly numbered?: boolean;
  /** Tokens that the reader has already. */
  readonly after?: number;
  /** The answer is one piece, no event stream: `exchange.body` has it, and nothing is checked here. */
  readonly whole?: boolean;
  /** ms that its reader may pause in all. Default: 0. */
  readonly lag?: number;
  /** Called after each piece of the answer that arrived. */
  onTokens?(tokens: number, exchange: Exchange): void;
}

/** One request for a stream, read to its end and held to the known text. */
export class Attempt {
  readonly exchange: Exchange;
  readonly check: AnswerCheck;
  readonly from: number;
  /** When the last piece of the answer came; 0 before the first. */
  heardAt = 0;
  /** When it ended, in ms since the run began. */
  at = 0;
  readonly over: Promise<Ending>;
  readonly #world: World;
  readonly #lag: number;
  readonly #after: number;

  constructor(world: World, self: Self, options: AttemptOptions) {
    const { ask, text, numbered, after, target = world.target, whole, onTokens } = options;
    this.#world = world;
    this.#lag = options.lag ?? 0;
    this.#after = after ?? 0;
    this.from = world.now();
    this.check = new AnswerCheck(text, numbered, after);
    this.exchange = new Exchange(target, ask, REQUEST_MS, {
      onHead: (status, headers) => self.trace.note(`${status} ${headers["x-stream-id"] ?? ""}`),
      ...(!whole && {
        onText: (piece: string) => {
          this.heardAt = world.now();
          this.check.feed(piece);
          onTokens?.(this.check.tokens, this.exchange);
        },
      }),
    });
    self.trace.note(`${ask.method} ${ask.path} after ${after ?? 0}`);
    this.over = this.exchange.over.then((ending) => {
      this.at = world.now();
      if (ending === "whole" && this.exchange.status === 200 && !whole) this.check.close();
      const { tokens, done, error, fault } = this.check;
      const end = done ? " [DONE]" : error ? ` ${JSON.stringify(error)}` : "";
      self.trace.note(`${ending} ${this.exchange.reason} with ${tokens} tokens${end} ${fault ?? ""}`);
      return ending;
    });
  }

  /**
   * Seconds after which to ask again, where it was refused for now. A resumable answer has its status before its first
   * token, so there a refusal can be an event.
   */
  get retryAfter(): number | undefined {
    const { status, headers } = this.exchange;
    if (status === 200) return this.#isEmpty && BUSY.has(this.check.error?.type ?? "") ? 1 : undefined;
    const isRefusal = (status === 429 || status === 503) && /^[1-9]\d*$/.test(headers["retry-after"] ?? "");
    return isRefusal ? Number(headers["retry-after"]) : undefined;
  }

  /**
   * 410 when its run is gone, 404 when the server does not know it. It is the status, or an event where the status was
   * out already.
   */
  get missing(): 404 | 410 | undefined {
    const { status } = this.exchange;
    const type = this.check.error?.type;
    if (status === 410 || type === "stream_gone") return 410;
    return status === 404 || type === "stream_not_found" ? 404 : undefined;
  }

  get #isEmpty(): boolean {
    return this.check.tokens === this.#after;
  }

  /** What the server said was wrong, as an event or as a status. */
  get errorType(): string | undefined {
    if (this.check.error) return this.check.error.type;
    const { status, body } = this.exchange;
    if (status === 504) return "timeout";
    if (status !== 500) return undefined;
    // A status comes with the fixed text of its type, not with the type itself.
    return body.includes("has died") ? "worker_died" : "internal_error";
  }

  /**
   * What became of it.
   *
   * @param from when the request that it belongs to was first made.
   */
  verdict(ending: Ending, from = this.from): Verdict {
    const { check, exchange, at } = this;
    const { tokens } = check;
    const broken = (violation: string): Verdict => ({ outcome: "violation", tokens, violation });
    if (check.fault !== undefined) return broken(check.fault);
    switch (ending) {
      case "left":
        return { outcome: "left", tokens };
      case "late":
        return broken(`no end within ${REQUEST_MS} ms: status ${exchange.status}, ${tokens} tokens`);
      case "cut":
        if (exchange.reason !== "ECONNREFUSED" && mayBeCut(this.#world, at, this.#lag))
          return { outcome: "cut", tokens };
        return broken(`the connection was cut (${exchange.reason}), and no HTTP worker had died`);
    }
    if (check.done) return { outcome: "whole", tokens };
    if (this.retryAfter !== undefined) return { outcome: "refused", tokens };
    const type = this.errorType;
    if (type === undefined) return broken(`status ${exchange.status}: ${exchange.body.slice(0, 200)}`);
    if (mayFail(this.#world, { type, from, at, lag: this.#lag })) return { outcome: `error ${type}`, tokens };
    return broken(`error ${type}, which nothing explains`);
  }
}

/**
 * Makes attempts until one is not refused, as clients of such a server do; gives the last one up after a minute.
 */
export async function persist(
  world: World,
  self: Self,
  attempt: () => Attempt,
): Promise<{ attempt: Attempt; ending: Ending }> {
  const until = world.now() + PATIENCE_MS;
  for (;;) {
    const current = attempt();
    const ending = await current.over;
    const { retryAfter } = current;
    if (ending !== "whole" || retryAfter === undefined || world.now() > until)
      return { attempt: current, ending };
    world.count("refused with Retry-After, asked again");
    // Not all in the same moment: they were refused in the same moment.
    await sleep(retryAfter * 1000 * (0.5 + self.random.next()));
  }
}

/** The request for the answer to a text. */
export function askFor(text: KnownText, path = "/chat", more: object = {}): Ask {
  return { method: "POST", path, body: { prompt: text.prompt, thinking: text.thinking, ...more } };
}
