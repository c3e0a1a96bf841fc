// One HTTP/1.1 answer after another on a connection, read byte by byte. It counts the `data: ` events of
// an event stream without making strings of them, so that the client stays lighter than any server it
// measures, and it checks the framing, so that a broken answer never counts as a fast one.

const CR = 0x0d;
const LF = 0x0a;
const EVENT = Buffer.from("data: ");
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const QUOTE = 0x22;
const LETTER_T = 0x74;

const IN_HEAD = 0;
const IN_CHUNK_SIZE = 1;
const IN_CHUNK = 2;
const AFTER_CHUNK = 3;
const IN_TRAILER = 4;
const IN_LENGTH = 5;
const ENDED = 6;

// States of the search for events. From 0 up to this: bytes of `data: ` that a line began with.
const MATCHED = EVENT.length;
const MATCHED_BRACE = MATCHED + 1;
const MATCHED_QUOTE = MATCHED + 2;
// The rest of a line, whatever is in it: `data: ` inside a token is no event.
const REST_OF_LINE = -1;

const HEAD_LIMIT = 16_384;

/** Reads answers and counts what is in them. After `ended`, or a `problem`, call `reset` for the next. */
export class ResponseReader {
  /** Status of the answer; 0 until its head is whole. */
  status = 0;
  /** Events that begin `data: {"t`: the tokens. */
  tokens = 0;
  /** Lines that are no empty line, no token and not the end: `data: {"error": …}`, a comment, `event: …`. */
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
  #match = 0;

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
    this.#match = 0;
  }

  /**
   * Reads the first `length` bytes of `bytes`.
   * @param {Uint8Array} bytes
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
   * @param {Uint8Array} bytes
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
   * @param {Uint8Array} bytes
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
   * @param {Uint8Array} bytes
   * @param {number} from
   * @param {number} length
   */
  #readBody(bytes, from, length) {
    const end = Math.min(length, from + this.#left);
    this.#countEvents(bytes, from, end);
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
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  #readChunkEnd(bytes, at) {
    if (bytes[at] !== (this.#lineLength === 0 ? CR : LF)) this.problem = "chunk longer than its size";
    else if (this.#lineLength++ === 1) this.#beginChunkSize();
    return at + 1;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  #readTrailer(bytes, at) {
    if (bytes[at] === LF) {
      if (this.#lineLength === 0) this.#end();
      this.#lineLength = 0;
    } else if (bytes[at] !== CR) this.#lineLength++;
    return at + 1;
  }

  /**
   * An event may be cut anywhere by a chunk or a read, so the match goes on from where it stood.
   * @param {Uint8Array} bytes
   * @param {number} from
   * @param {number} end
   */
  #countEvents(bytes, from, end) {
    let match = this.#match;
    for (let at = from; at < end; at++) {
      const byte = bytes[at];
      if (match === REST_OF_LINE) {
        if (byte === LF) match = 0;
      } else if (match < MATCHED) {
        if (byte === EVENT[match]) match++;
        else if (byte !== LF || match > 0) {
          this.errors++;
          match = REST_OF_LINE;
        }
      } else if (match === MATCHED) {
        this.done = byte === OPEN_BRACKET;
        if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) this.errors++;
        match = byte === OPEN_BRACE ? MATCHED_BRACE : REST_OF_LINE;
      } else if (match === MATCHED_BRACE) {
        if (byte !== QUOTE) this.errors++;
        match = byte === QUOTE ? MATCHED_QUOTE : REST_OF_LINE;
      } else {
        if (byte === LETTER_T) this.tokens++;
        else this.errors++;
        match = REST_OF_LINE;
      }
    }
    this.#match = match;
  }
}

/** @param {number} byte */
function hexDigit(byte) {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
