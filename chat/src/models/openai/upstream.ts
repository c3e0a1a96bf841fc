import { getLogger } from "tsunicorn";
import { ModelError } from "../model-error.ts";
import { Pauses } from "../pause.ts";
import { UnsupportedRequestError } from "../unsupported.ts";
import type { Dialect, Wording } from "./dialect.ts";
import type { UpstreamSettings } from "./settings.ts";
import { mayRetry, refusalOf, retryDelay } from "./upstream-error.ts";

/** Tries after the first. */
const RETRIES = 2;

/** The most of a refusal that is read. */
const MOST_SAID = 4 * 1024;

/** How long what may follow an answer's end is waited for. */
const END_MS = 5000;

/** What is asked of an upstream, as often as it takes; it ends with its reader's signal, or when the upstream is silent for too long. */
export class UpstreamCall {
  readonly #settings: UpstreamSettings;
  readonly #dialect: Dialect;
  readonly #reader: AbortSignal;
  readonly #end = new AbortController();
  readonly #onAbort = () => this.#end.abort(this.#reader.reason);
  #timer: NodeJS.Timeout | undefined;
  #silenceMs: number;
  #tries = 0;
  /** Of the last answer. */
  #headers: Headers | undefined;

  constructor(settings: UpstreamSettings, dialect: Dialect, reader: AbortSignal) {
    this.#settings = settings;
    this.#dialect = dialect;
    this.#silenceMs = settings.silenceMs;
    this.#reader = reader;
    reader.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Sends the request and waits until the answer begins. Where the upstream does not take its wording, it is sent anew.
   *
   * @param bodyOf makes the request's JSON.
   * @returns the answer's body. @throws ModelError, UnsupportedRequestError or the signal's reason.
   */
  async open(bodyOf: (wording: Wording) => string): Promise<AsyncIterable<Uint8Array>> {
    this.#headers = undefined;
    const { wording } = this.#dialect;
    const response = await this.#send(bodyOf(wording));
    const { status, headers } = response;
    this.#headers = headers;
    if (response.ok && response.body !== null) return this.#watched(response.body);
    const said = this.#withoutKey(await this.#said(response));
    if (this.#dialect.learn(wording, said)) return this.open(bodyOf);
    const refusal = refusalOf(status, headers, said);
    // Its message is for the client, so what the upstream said is in none.
    if (refusal instanceof UnsupportedRequestError)
      getLogger().warn({ status, said }, "the upstream refused a request");
    throw refusal;
  }

  /** Waits until the request may be sent again. @throws the failure, where that would not help or was done enough. */
  async retry(failure: unknown): Promise<void> {
    // One that had begun to answer and fell silent has taken its time already.
    const mayHelp = !this.#end.signal.aborted && this.#tries < RETRIES && mayRetry(failure);
    const delay = mayHelp ? retryDelay(this.#tries, this.#headers) : undefined;
    if (delay === undefined) throw failure;
    this.#tries++;
    await this.#pause(delay);
  }

  /** The answer has ended, but for what may follow it: that is not waited for as long. */
  hurry(): void {
    this.#silenceMs = Math.min(this.#silenceMs, END_MS);
  }

  /** Ends it: the connection closes where the answer is not at its end. */
  close(): void {
    clearTimeout(this.#timer);
    this.#reader.removeEventListener("abort", this.#onAbort);
    this.#end.abort(new Error("closed"));
  }

  async #send(body: string): Promise<Response> {
    const { baseUrl, silenceMs } = this.#settings;
    this.#reader.throwIfAborted();
    const slow = new AbortController();
    const timer = setTimeout(() => slow.abort(this.#silence()), silenceMs);
    try {
      return await fetch(completionsOf(baseUrl), {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...authorizationOf(this.#settings),
        },
        body,
        // Another address would be given the key.
        redirect: "error",
        signal: AbortSignal.any([this.#end.signal, slow.signal]),
      });
    } catch (error) {
      throw this.#meaning(error, slow.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async *#watched(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const wait = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#end.abort(this.#silence()), this.#silenceMs);
    };
    try {
      wait();
      for await (const bytes of body) {
        // A reader that takes its time is not the upstream's silence.
        clearTimeout(this.#timer);
        yield bytes;
        wait();
      }
    } catch (error) {
      throw this.#meaning(error, this.#end.signal);
    } finally {
      clearTimeout(this.#timer);
    }
  }

  async #said(response: Response): Promise<string> {
    let text = "";
    const decoder = new TextDecoder();
    if (response.body === null) return text;
    try {
      for await (const bytes of this.#watched(response.body)) {
        text += decoder.decode(bytes, { stream: true });
        if (text.length > MOST_SAID) break;
      }
    } catch {
      // The status says enough.
    }
    this.#reader.throwIfAborted();
    return text;
  }

  #meaning(error: unknown, signal: AbortSignal): unknown {
    if (this.#reader.aborted) return this.#reader.reason;
    if (signal.aborted || error instanceof ModelError) return signal.reason ?? error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return new ModelError(
      "upstream_failed",
      `the connection to the upstream failed: ${cause instanceof Error ? cause.message : cause}`,
      { cause: error },
    );
  }

  #silence(): ModelError {
    const seconds = this.#settings.silenceMs / 1000;
    return new ModelError("upstream_timeout", `the upstream said nothing for ${seconds} s`);
  }

  // What they refuse comes back in what some upstreams say, and has no place in a log.
  #withoutKey(text: string): string {
    const { key, login } = this.#settings;
    const secrets = [key, login?.password, authorizationOf(this.#settings).authorization?.split(" ")[1]];
    return secrets.reduce<string>((said, secret) => (secret ? said.replaceAll(secret, "…") : said), text);
  }

  async #pause(ms: number): Promise<void> {
    const pauses = new Pauses(this.#reader);
    try {
      await pauses.wait(ms);
    } finally {
      pauses.end();
    }
  }
}

/** The address of an upstream's completions. What stands behind a `?`, as Azure's version, stays behind it. */
function completionsOf(baseUrl: string): string {
  const at = baseUrl.indexOf("?");
  const [path, query] = at === -1 ? [baseUrl, ""] : [baseUrl.slice(0, at), baseUrl.slice(at)];
  return `${path}/chat/completions${query}`;
}

function authorizationOf({ key, login }: UpstreamSettings): { authorization?: string } {
  if (key !== undefined) return { authorization: `Bearer ${key}` };
  if (login === undefined) return {};
  const words = Buffer.from(`${login.user}:${login.password}`).toString("base64");
  return { authorization: `Basic ${words}` };
}
