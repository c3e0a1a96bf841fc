/** The longest event that is kept, in characters: a server that never ends one must not fill memory. */
export const MAX_EVENT = 1024 * 1024;

/**
 * Reads Server-Sent Events from bytes that arrive cut anywhere, also inside a character or between CR and LF.
 * Only `data` matters here; comments and other fields are read over. An event that the stream's end cuts off is
 * dropped, as the standard says.
 */
export class SseParser {
  readonly #decoder = new TextDecoder();
  #line = "";
  #data: string[] = [];
  #dataLength = 0;
  #skipLf = false;

  /**
   * Takes the next bytes.
   * @returns the `data` of every event that they complete, in order
   * @throws RangeError for an event longer than MAX_EVENT
   */
  push(bytes: Uint8Array): string[] {
    const events: string[] = [];
    let text = this.#decoder.decode(bytes, { stream: true });
    if (this.#skipLf && text !== "") {
      this.#skipLf = false;
      if (text.startsWith("\n")) text = text.slice(1);
    }
    let start = 0;
    for (const { index, 0: end } of text.matchAll(/\r\n|\r|\n/g)) {
      this.#endLine(this.#line + text.slice(start, index), events);
      this.#line = "";
      start = index + end.length;
      // An LF that comes with the next bytes belongs to this line's end.
      this.#skipLf = end === "\r" && start === text.length;
    }
    this.#line += text.slice(start);
    if (this.#line.length + this.#dataLength > MAX_EVENT) {
      throw new RangeError(`an event of the stream exceeds ${MAX_EVENT} characters`);
    }
    return events;
  }

  #endLine(line: string, events: string[]): void {
    if (line === "") {
      if (this.#data.length > 0) events.push(this.#data.join("\n"));
      this.#data = [];
      this.#dataLength = 0;
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== "data") return;
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    this.#data.push(value);
    this.#dataLength += value.length;
  }
}
