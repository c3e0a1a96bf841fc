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
  readonly #decoder = new TextDecoder();
  #line = "";
  #event = "";
  #id: string | undefined;
  #data: string[] = [];
  #dataLength = 0;
  #skipLf = false;

  /**
   * Takes the next bytes.
   * @returns every event that they complete, in order
   * @throws RangeError for an event longer than MAX_EVENT
   */
  push(bytes: Uint8Array): SseEvent[] {
    const events: SseEvent[] = [];
    let text = this.#decoder.decode(bytes, { stream: true });
    if (this.#skipLf && text !== "") {
      this.#skipLf = false;
      if (text.startsWith("\n")) text = text.slice(1);
    }
    if (text.includes("\r")) {
      // An LF that comes with the next bytes belongs to this line's end.
      this.#skipLf = text.endsWith("\r");
      text = text.replace(/\r\n?/g, "\n");
    }
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#endLine(this.#line + text.slice(start, end), events);
      this.#line = "";
      start = end + 1;
    }
    this.#line += text.slice(start);
    if (this.#line.length + this.#dataLength > MAX_EVENT) {
      throw new RangeError(`an event of the stream exceeds ${MAX_EVENT} characters`);
    }
    return events;
  }

  #endLine(line: string, events: SseEvent[]): void {
    if (line === "") {
      this.#endEvent(events);
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line.startsWith(" ", colon + 1) ? colon + 2 : colon + 1);
    if (field === "data") {
      this.#data.push(value);
      this.#dataLength += value.length;
    } else if (field === "event") {
      this.#event = value;
    } else if (field === "id") {
      this.#id = value;
    }
  }

  #endEvent(events: SseEvent[]): void {
    if (this.#data.length > 0) {
      events.push({ event: this.#event || "message", id: this.#id, data: this.#data.join("\n") });
    }
    this.#event = "";
    this.#id = undefined;
    this.#data = [];
    this.#dataLength = 0;
  }
}
