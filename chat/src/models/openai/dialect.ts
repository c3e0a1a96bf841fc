import type { UpstreamSettings } from "./settings.ts";

/** What of a request an upstream may not know. */
export interface Wording {
  /** Whether it is asked for usage at the end of a stream. */
  readonly usage: boolean;
  /** What the limit of an answer is called. */
  readonly limit: UpstreamSettings["limit"];
}

/**
 * How requests are worded for one upstream. What it turned out not to take is remembered as long as its model is
 * loaded, so that only the first request is asked twice.
 */
export class Dialect {
  #wording: Wording;

  constructor({ limit }: UpstreamSettings) {
    this.#wording = { usage: true, limit };
  }

  /** How the next request is worded. */
  get wording(): Wording {
    return this.#wording;
  }

  /**
   * Learns from a refusal.
   *
   * @param sent how the refused request was worded.
   * @param said the upstream's reason.
   * @returns whether the request may be taken when it is worded anew.
   */
  learn(sent: Wording, said: string): boolean {
    if (sent.usage && /stream_options|include_usage/.test(said)) {
      this.#wording = { ...this.#wording, usage: false };
      return true;
    }
    // As OpenAI's newer models say it, which stand behind other addresses too.
    if (sent.limit === "max_tokens" && /max_tokens.*\bmax_completion_tokens\b/s.test(said)) {
      this.#wording = { ...this.#wording, limit: "max_completion_tokens" };
      return true;
    }
    return false;
  }
}
