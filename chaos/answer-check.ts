import { type Difference, differenceOf } from "./difference.ts";
import type { KnownText } from "./known-text.ts";

/** Tokens past the first wrong one that are kept to name the fault by. */
const KEPT_AFTER_FAULT = 200;
const DONE = "data: [DONE]";

/** Where a resumable answer stands in the queue: nothing of the answer. */
const QUEUED = /^event: queued\ndata: \{"position": [1-9]\d*\}$/;

/**
 * Reads one event stream and holds every byte of it to the known text. It is strict: what is not exactly the event
 * that must come next, is an error event at the end, or, where the stream has ids, a comment or, before its first
 * token, a place in the queue, is a fault.
 */
export class AnswerCheck {
  readonly #text: KnownText;
  readonly #numbered: boolean;
  readonly #got: string[];
  #rest = "";
  #fault: string | undefined;
  #wrong = false;
  #done = false;
  #error: { type: string; message: string } | undefined;

  /**
   * @param numbered whether events carry `id:` lines: the number of the token, from 1.
   * @param after how many tokens this reader has already, from an earlier connection.
   */
  constructor(text: KnownText, numbered = false, after = 0) {
    this.#text = text;
    this.#numbered = numbered;
    this.#got = text.tokens.slice(0, after);
  }

  /** How many tokens are there and right, those of earlier connections too. */
  get tokens(): number {
    return this.#got.length;
  }

  /** Whether the answer has ended with `[DONE]`. */
  get done(): boolean {
    return this.#done;
  }

  /** The error event that ended the answer. */
  get error(): { type: string; message: string } | undefined {
    return this.#error;
  }

  /** What is wrong with what came, in words; undefined where nothing is. */
  get fault(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    const difference = this.difference;
    return difference && `${difference.wrong}: ${difference.detail}`;
  }

  /** How the tokens differ from the known text; undefined where they do not. */
  get difference(): Difference | undefined {
    return this.#wrong || this.#done ? differenceOf(this.#text, this.#got, this.#done) : undefined;
  }

  /** Takes what arrived, in order, in pieces of any size. */
  feed(piece: string): void {
    this.#rest += piece;
    for (let end = this.#rest.indexOf("\n\n"); end !== -1; end = this.#rest.indexOf("\n\n")) {
      this.#event(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end + 2);
    }
  }

  /** The response ended as HTTP has it: then the answer must have ended too. */
  close(): void {
    if (this.#done || this.#error || this.#fault || this.#wrong) return;
    this.#say(
      this.#rest === ""
        ? `cut after ${this.tokens} of ${this.#text.tokens.length} tokens, with neither [DONE] nor an error`
        : `the response ended inside an event: ${JSON.stringify(this.#rest.slice(0, 80))}`,
    );
  }

  #event(event: string): void {
    // The first thing that is wrong is what counts: what follows from it says no more.
    if (this.#fault !== undefined) return;
    if (this.#done || this.#error) {
      this.#say(`something after the end: ${JSON.stringify(event)}`);
      return;
    }
    if (this.#numbered && event.startsWith(":")) return;
    if (this.#numbered && this.#got.length === 0 && QUEUED.test(event)) return;
    const expected = this.#text.tokens[this.#got.length];
    if (!this.#wrong && expected !== undefined && event === this.#eventOf(expected)) {
      this.#got.push(expected);
      return;
    }
    const data = this.#numbered ? event.replace(/^id: \d+\n/, "") : event;
    if (data === DONE) {
      this.#done = true;
      return;
    }
    const { token, error } = payloadOf(data);
    if (error !== undefined) this.#error = error;
    else if (token === undefined || (token === expected && !this.#wrong))
      this.#say(`not the event that it should be: ${JSON.stringify(event.slice(0, 200))}`);
    else {
      this.#wrong = true;
      if (this.#got.length < this.#text.tokens.length + KEPT_AFTER_FAULT) this.#got.push(token);
    }
  }

  #eventOf(token: string): string {
    const data = `data: {"token": ${JSON.stringify(token)}}`;
    return this.#numbered ? `id: ${this.#got.length + 1}\n${data}` : data;
  }

  #say(fault: string): void {
    this.#fault ??= fault;
  }
}

function payloadOf(data: string): { token?: string; error?: { type: string; message: string } } {
  if (!data.startsWith("data: ")) return {};
  try {
    return JSON.parse(data.slice("data: ".length)) ?? {};
  } catch {
    return {};
  }
}
