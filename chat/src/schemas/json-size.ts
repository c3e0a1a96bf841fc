/** The most values (texts, numbers, lists, objects …) that the body of a request may hold, all levels together. */
export const MAX_VALUES = 150_000;

/** The most keys that its objects may have together. One that was not there before costs ten times as much as a value. */
export const MAX_KEYS = 30_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const LIST = 0x5b;
const BACKSLASH = 0x5c;
const OBJECT = 0x7b;

/**
 * Counts the values and keys of a JSON text without making them, piece by piece. What reading a text costs grows with its values
 * far more than with its bytes: 16 MiB of `[],` hold JSON.parse for a second, as a million keys do, and everything that looks at them after it.
 *
 * Each value but the first comes behind a comma or what opens a list or an object, so those are counted: an empty list
 * counts as two. Each key is in front of a colon. A text that is not JSON has a count too, and JSON.parse takes no more steps than that before it fails.
 */
export class JsonSize {
  #values = 1;
  #keys = 0;
  #inText = false;
  #escaped = false;

  /** At least as many values as what was taken so far begins. */
  get values(): number {
    return this.#values;
  }

  /** How many keys there were so far. */
  get keys(): number {
    return this.#keys;
  }

  /** Whether that is more than is read. */
  get isTooMuch(): boolean {
    return this.#values > MAX_VALUES || this.#keys > MAX_KEYS;
  }

  /** Takes the bytes from `start` to `end`, in UTF-8, where each mark of JSON is one byte and no other has that byte. */
  take(bytes: Uint8Array, start: number, end: number): void {
    let values = this.#values;
    let keys = this.#keys;
    let inText = this.#inText;
    let escaped = this.#escaped;
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (inText) {
        if (escaped) escaped = false;
        else if (byte === QUOTE) inText = false;
        else if (byte === BACKSLASH) escaped = true;
      } else if (byte === QUOTE) inText = true;
      else if (byte === COMMA || byte === LIST || byte === OBJECT) values++;
      else if (byte === COLON) keys++;
    }
    this.#values = values;
    this.#keys = keys;
    this.#inText = inText;
    this.#escaped = escaped;
  }
}
