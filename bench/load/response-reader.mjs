// One HTTP/1.1 answer after another on a connection. Its framing is read byte by byte, so that a broken answer never
// counts as a fast one, and its events by eventsource-parser, which costs the client under 5 % of its CPU.
import { createParser } from "eventsource-parser";

const CR = 0x0d;
const LF = 0x0a;

const IN_HEAD = 0;
const IN_CHUNK_SIZE = 1;
const IN_CHUNK = 2;
const AFTER_CHUNK = 3;
const IN_TRAILER = 4;
const IN_LENGTH = 5;
const ENDED = 6;

const HEAD_LIMIT = 16_384;
/** The longest event that is kept, in characters: a token has some dozen. */
const EVENT_LIMIT = 65_536;

/** Reads answers and counts what is in them. After `ended`, or a `problem`, call `reset` for the next. */
export class ResponseReader {
  /** Status of the answer; 0 until its head is whole. */
  status = 0;
  /** Events that begin `data: {"t`: the tokens. */
  tokens = 0;
  /** Events other than tokens and the end, as `data: {"error": …}`, those with an id or a name, comments and odd lines. */
  errors = 0;
  /** Whether `data: [DONE]` was the last event. */
  done = false;
  /** Whether the answer is whole. */
  ended = false;
  /** What is wrong with the answer; empty while nothing is. */
  problem = "";

  #state = IN_HEAD;
  #head = "";
  #left = 0;
  #digits = 0;
  #inExtension = false;
  #lineLength = 0;
  #parser = createParser({
    maxBufferSize: EVENT_LIMIT,
    onEvent: (event) => this.#count(event),
    onComment: () => {
      this.errors++;
    },
    onError: ({ type }) => {
      this.errors++;
      if (type === "max-buffer-size-exceeded") this.problem = "event too long";
    },
  });

  /** Forgets the answer before, to read the next one. */
  reset() {
    this.status = 0;
    this.tokens = 0;
    this.errors = 0;
    this.done = false;
    this.ended = false;
    this.problem = "";
    this.#state = IN_HEAD;
    this.#head = "";
    this.#left = 0;
    this.#parser.reset();
  }

  /**
   * Reads the first `length` bytes of `bytes`.
   * @param {Buffer} bytes
   * @param {number} length
   */
  push(bytes, length) {
    let at = 0;
    while (at < length && this.problem === "") {
      switch (this.#state) {
        case IN_HEAD:
          at = this.#readHead(bytes, at, length);
          break;
        case IN_CHUNK_SIZE:
          at = this.#readChunkSize(bytes, at, length);
          break;
        case IN_CHUNK:
        case IN_LENGTH:
          at = this.#readBody(bytes, at, length);
          break;
        case AFTER_CHUNK:
          at = this.#readChunkEnd(bytes, at);
          break;
        case IN_TRAILER:
          at = this.#readTrailer(bytes, at);
          break;
        default:
          this.problem = "bytes after the end";
      }
    }
  }

  /**
   * @param {Buffer} bytes
   * @param {number} from
   * @param {number} length
   */
  #readHead(bytes, from, length) {
    let at = from;
    while (at < length) {
      this.#head += String.fromCharCode(bytes[at] ?? 0);
      if (bytes[at++] === LF && this.#head.endsWith("\r\n\r\n")) {
        this.#begin(this.#head);
        return at;
      }
    }
    if (this.#head.length > HEAD_LIMIT) this.problem = "head too long";
    return at;
  }

  /** @param {string} head */
  #begin(head) {
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head);
    if (!status) {
      this.problem = "no status line";
      return;
    }
    this.status = Number(status[1]);
    const contentLength = /\r\ncontent-length: *(\d+) *\r\n/i.exec(head);
    if (/\r\ntransfer-encoding: *chunked *\r\n/i.test(head)) {
      this.#beginChunkSize();
    } else if (contentLength) {
      this.#left = Number(contentLength[1]);
      this.#state = IN_LENGTH;
      if (this.#left === 0) this.#end();
    } else {
      this.problem = "neither chunked nor content-length";
    }
  }

  #beginChunkSize() {
    this.#state = IN_CHUNK_SIZE;
    this.#left = 0;
    this.#digits = 0;
    this.#inExtension = false;
  }

  #end() {
    this.#state = ENDED;
    this.ended = true;
  }

  /**
   * @param {Buffer} bytes
   * @param {number} from
   * @param {number} length
   */
  #readChunkSize(bytes, from, length) {
    let at = from;
    while (at < length) {
      const byte = bytes[at++] ?? 0;
      if (byte === LF) {
        if (this.#digits === 0) this.problem = "chunk without a size";
        else if (this.#left > 0) this.#state = IN_CHUNK;
        else {
          this.#state = IN_TRAILER;
          this.#lineLength = 0;
        }
        return at;
      }
      if (byte === CR || this.#inExtension) continue;
      const digit = hexDigit(byte);
      if (digit >= 0 && this.#digits < 8) {
        this.#left = this.#left * 16 + digit;
        this.#digits++;
      } else if (byte === 0x3b) this.#inExtension = true;
      else {
        this.problem = "bad chunk size";
        return at;
      }
    }
    return at;
  }

  /**
   * @param {Buffer} bytes
   * @param {number} from
   * @param {number} length
   */
  #readBody(bytes, from, length) {
    const end = Math.min(length, from + this.#left);
    // What is counted is ASCII, so a character of several bytes may be cut.
    this.#parser.feed(bytes.toString("latin1", from, end));
    this.#left -= end - from;
    if (this.#left === 0) {
      if (this.#state === IN_LENGTH) this.#end();
      else {
        this.#state = AFTER_CHUNK;
        this.#lineLength = 0;
      }
    }
    return end;
  }

  /**
   * @param {Buffer} bytes
   * @param {number} at
   */
  #readChunkEnd(bytes, at) {
    if (bytes[at] !== (this.#lineLength === 0 ? CR : LF)) this.problem = "chunk longer than its size";
    else if (this.#lineLength++ === 1) this.#beginChunkSize();
    return at + 1;
  }

  /**
   * @param {Buffer} bytes
   * @param {number} at
   */
  #readTrailer(bytes, at) {
    if (bytes[at] === LF) {
      if (this.#lineLength === 0) this.#end();
      this.#lineLength = 0;
    } else if (bytes[at] !== CR) this.#lineLength++;
    return at + 1;
  }

  /** @param {import("eventsource-parser").EventSourceMessage} event */
  #count({ id, event, data }) {
    const isPlain = id === undefined && event === undefined;
    this.done = isPlain && data === "[DONE]";
    if (isPlain && data.startsWith('{"t')) this.tokens++;
    else if (!this.done) this.errors++;
  }
}

/** @param {number} byte */
function hexDigit(byte) {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
