import { createParser, type EventSourceMessage } from "eventsource-parser";
import { type Difference, differenceOf } from "./difference.ts";
import type { KnownText } from "./known-text.ts";

/** Tokens past the first wrong one that are kept to name the fault by. */
const KEPT_AFTER_FAULT = 200;
/** The longest event that is kept, in characters. */
const LONGEST_EVENT = 1024 * 1024;

/** Where a resumable answer stands in the queue: nothing of the answer. */
const PLACE = /^\{"position": [1-9]\d*\}$/;

/**
 * Reads one event stream and holds every byte of it to the known text. It is strict: what is not exactly the event
 * that must come next, is an error event at the end, or, where the stream has ids, a comment or, before its first
 * token, a place in the queue, is a fault.
 */
export class AnswerCheck {
  readonly #text: KnownText;
  readonly #numbered: boolean;
  readonly #got: string[];
  readonly #parser = createParser({
    maxBufferSize: LONGEST_EVENT,
    onEvent: (event) => this.#event(event),
    onComment: (comment) => this.#comment(comment),
    onError: ({ message }) => this.#say(message),
  });
  /** What arrived and was not compared yet with what should have been written. */
  #came = "";
  /** What should have been written for the events and comments that were read, from where `#came` begins. */
  #written = "";
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
    // It reads no more once it has refused an event that is too long.
    if (this.#fault !== undefined) return;
    this.#came += piece;
    this.#parser.feed(piece);
    this.#compare();
  }

  /** The response ended as HTTP has it: then the answer must have ended too. */
  close(): void {
    if (this.#done || this.#error || this.#fault || this.#wrong) return;
    this.#say(
      this.#came === ""
        ? `cut after ${this.tokens} of ${this.#text.tokens.length} tokens, with neither [DONE] nor an error`
        : `the response ended inside an event: ${JSON.stringify(this.#came.slice(0, 80))}`,
    );
  }

  // A parser forgives what the chat must not write: other line ends, unknown fields, empty lines.
  #compare(): void {
    const both = Math.min(this.#came.length, this.#written.length);
    if (this.#came.slice(0, both) !== this.#written.slice(0, both))
      this.#say(`not written as it should be: ${JSON.stringify(this.#came.slice(0, 200))}`);
    this.#came = this.#came.slice(both);
    this.#written = this.#written.slice(both);
  }

  #comment(comment: string): void {
    this.#written += `: ${comment}\n\n`;
    if (!this.#numbered || this.#done || this.#error) this.#say(`a comment: ${JSON.stringify(comment)}`);
  }

  #event(message: EventSourceMessage): void {
    const { id, event, data } = message;
    const named = event === undefined ? "" : `event: ${event}\n`;
    this.#written += `${id === undefined ? "" : `id: ${id}\n`}${named}data: ${data}\n\n`;
    // The first thing that is wrong is what counts: what follows from it says no more.
    if (this.#fault !== undefined) return;
    if (this.#done || this.#error) {
      this.#say(`something after the end: ${JSON.stringify(message)}`);
      return;
    }
    if (event !== undefined) {
      const isPlace = event === "queued" && id === undefined && PLACE.test(data);
      if (!isPlace || !this.#numbered || this.#got.length > 0)
        this.#say(`not the event that it should be: ${JSON.stringify(message)}`);
      return;
    }
    const expected = this.#text.tokens[this.#got.length];
    const number = this.#numbered ? `${this.#got.length + 1}` : undefined;
    if (!this.#wrong && expected !== undefined && id === number && data === dataOf(expected)) {
      this.#got.push(expected);
      return;
    }
    if (data === "[DONE]" && id === undefined) {
      this.#done = true;
      return;
    }
    const { token, error } = this.#numbered || id === undefined ? payloadOf(data) : {};
    if (error !== undefined) this.#error = error;
    else if (token === undefined || (token === expected && !this.#wrong))
      this.#say(`not the event that it should be: ${JSON.stringify(message).slice(0, 200)}`);
    else {
      this.#wrong = true;
      if (this.#got.length < this.#text.tokens.length + KEPT_AFTER_FAULT) this.#got.push(token);
    }
  }

  #say(fault: string): void {
    this.#fault ??= fault;
  }
}

function dataOf(token: string): string {
  return `{"token": ${JSON.stringify(token)}}`;
}

function payloadOf(data: string): { token?: string; error?: { type: string; message: string } } {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    return {};
  }
}
