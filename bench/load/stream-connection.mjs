import { connect } from "node:net";
import { ResponseReader } from "./response-reader.mjs";

// Every connection reads into this one buffer: a read is handled before the next one begins.
// So 5,000 open streams cost the client no buffers, and no read makes garbage.
const SHARED_BUFFER = Buffer.allocUnsafe(65_536);

// Well below the 5 s after which the servers close an idle connection: a request that is on its way just then
// would count as a failure that no user of a connection pool would see.
const IDLE_LIMIT_MS = 2_000;

/**
 * One keep-alive connection to a server, with one request at a time on it.
 * It connects when it is first asked, and again after a failure or a long pause.
 */
export class StreamConnection {
  /** When the request was sent, on the clock of `performance.now()`. */
  sentAt = 0;
  /** When the first token was read; 0 when none was. */
  firstTokenAt = 0;
  /** When the last byte was read, or the answer failed. */
  endedAt = 0;
  /** Tokens of the answer so far. */
  tokens = 0;

  #port;
  #onToken;
  #reader = new ResponseReader();
  /** @type {import("node:net").Socket | null} */
  #socket = null;
  /** @type {((reason: string) => void) | null} */
  #settle = null;
  /** @type {number | null} */
  #expected = null;
  #lastTokenAt = 0;

  /**
   * @param {number} port on 127.0.0.1
   * @param {(gapMs: number) => void} onToken called for each token: ms since the answer's last one, -1 for its first
   */
  constructor(port, onToken) {
    this.#port = port;
    this.#onToken = onToken;
  }

  /**
   * Sends a request and reads its answer to the end.
   * @param {Buffer} request
   * @param {number | null} tokens that the answer must have; null for a plain answer
   * @param {number} timeoutMs
   * @returns {Promise<string>} why the answer failed; empty when it was whole
   */
  ask(request, tokens, timeoutMs) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#finish("timed out"), timeoutMs);
      this.#settle = (reason) => {
        clearTimeout(timer);
        resolve(reason);
      };
      this.#expected = tokens;
      this.#reader.reset();
      this.tokens = 0;
      this.firstTokenAt = 0;
      this.#lastTokenAt = 0;
      const now = performance.now();
      if (now - this.endedAt > IDLE_LIMIT_MS) this.close();
      const socket = this.#socket ?? this.#connect();
      this.sentAt = now;
      socket.write(request);
    });
  }

  close() {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connect() {
    const socket = connect({
      host: "127.0.0.1",
      port: this.#port,
      noDelay: true,
      onread: {
        buffer: SHARED_BUFFER,
        callback: (length) => {
          this.#read(SHARED_BUFFER, length);
          return true;
        },
      },
    });
    socket.on("error", (error) =>
      this.#finish(`connection: ${"code" in error ? error.code : error.message}`),
    );
    socket.on("close", () => {
      if (socket !== this.#socket) return;
      this.#finish("closed before the end");
      this.#socket = null;
    });
    this.#socket = socket;
    return socket;
  }

  /**
   * @param {Buffer} bytes
   * @param {number} length
   */
  #read(bytes, length) {
    const reader = this.#reader;
    if (!this.#settle) return;
    reader.push(bytes, length);
    const now = performance.now();
    for (let fresh = reader.tokens - this.tokens; fresh > 0; fresh--) {
      if (this.firstTokenAt === 0) {
        this.firstTokenAt = now;
        this.#onToken(-1);
      } else this.#onToken(now - this.#lastTokenAt);
      this.#lastTokenAt = now;
    }
    this.tokens = reader.tokens;
    if (reader.problem !== "" || reader.ended) this.#finish(this.#verdict());
  }

  /** How far the answer came: it tells a refused request from one that was cut short. */
  #progress() {
    if (this.#expected === null || this.#reader.status === 0) return "before the answer";
    return this.tokens === 0 ? "before the first token" : "after tokens";
  }

  #verdict() {
    const reader = this.#reader;
    if (reader.problem !== "") return `malformed: ${reader.problem}`;
    if (reader.status !== 200) return `status ${reader.status}`;
    if (this.#expected === null) return "";
    if (reader.errors > 0) return "error event in the stream";
    if (reader.tokens !== this.#expected) return "wrong number of tokens";
    return reader.done ? "" : "no [DONE]";
  }

  /** @param {string} reason */
  #finish(reason) {
    const settle = this.#settle;
    if (!settle) return;
    this.#settle = null;
    this.endedAt = performance.now();
    if (reason === "") {
      settle("");
      return;
    }
    this.close();
    settle(`${reason} (${this.#progress()})`);
  }
}
