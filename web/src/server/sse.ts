import { createParser } from "eventsource-parser";

/** The longest event that is kept, in characters: a server that never ends one must not fill memory. */
export const MAX_EVENT = 1024 * 1024;

/** One event of a stream. */
export interface SseEvent {
  /** Its name; `message` where the stream gives none. */
  readonly event: string;
  /** The number or name by which the stream can be continued after it; undefined where this event has none. */
  readonly id: string | undefined;
  readonly data: string;
}

/**
 * Reads Server-Sent Events from bytes that arrive cut anywhere, also inside a character or between CR and LF.
 * Comments and unknown fields are read over. An event that the stream's end cuts off is dropped, as the standard
 * says.
 */
export class SseParser {
  // It takes a byte order mark away.
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({
    maxBufferSize: MAX_EVENT,
    onEvent: ({ event = "message", id, data }) => this.#events.push({ event, id, data }),
    onError: ({ type }) => {
      this.#isTooLong ||= type === "max-buffer-size-exceeded";
    },
  });
  #events: SseEvent[] = [];
  #isTooLong = false;
  #skipLf = false;

  /**
   * Takes the next bytes.
   * @returns every event that they complete, in order
   * @throws RangeError for an event longer than MAX_EVENT
   */
  push(bytes: Uint8Array): SseEvent[] {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return [];
    // The parser waits behind a CR for an LF, with which the next bytes may begin, and so would an event that is whole.
    if (this.#skipLf && text.startsWith("\n")) text = text.slice(1);
    this.#skipLf = text.endsWith("\r");
    this.#parser.feed(text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text);
    if (this.#isTooLong) throw new RangeError(`an event of the stream exceeds ${MAX_EVENT} characters`);
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
