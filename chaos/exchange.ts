import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

/** Where the server listens. */
export type Target = { readonly port: number } | { readonly socketPath: string };

/** What is sent. */
export interface Ask {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** How an exchange ended: whole as HTTP has it, cut by the other side, left by us, or not over within its time. */
export type Ending = "whole" | "cut" | "left" | "late";

/** What an exchange tells while it runs. */
export interface Listener {
  onText?(text: string): void;
  onHead?(status: number, headers: IncomingHttpHeaders): void;
}

/** One request over a connection of its own, which its client may stop reading, half close or leave. */
export class Exchange {
  /** Resolves when it is over; never rejects. */
  readonly over: Promise<Ending>;
  /** 0 before the response's head. */
  status = 0;
  headers: IncomingHttpHeaders = {};
  /** Why it was cut, as the system says. */
  reason = "";
  /** All text of the response that is not a listener's. */
  body = "";
  readonly #request: ReturnType<typeof request>;
  #response: IncomingMessage | undefined;
  #settle: (ending: Ending) => void = () => {};

  /** @param limitMs after which the exchange is given up as late. */
  constructor(target: Target, ask: Ask, limitMs: number, listener: Listener = {}) {
    const body = ask.body === undefined ? undefined : JSON.stringify(ask.body);
    const headers = { ...ask.headers, ...(body !== undefined && { "content-type": "application/json" }) };
    this.#request = request({
      ...("port" in target ? { host: "127.0.0.1", port: target.port } : target),
      method: ask.method,
      path: ask.path,
      headers,
      agent: false,
    });
    this.over = new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle("late"), limitMs);
      this.#settle = (ending) => {
        clearTimeout(timer);
        resolve(ending);
        this.#settle = () => {};
        if (ending !== "whole") this.#request.destroy();
      };
    });
    open.add(this);
    void this.over.then(() => open.delete(this));
    this.#request.on("error", (error: NodeJS.ErrnoException) => this.#cut(error.code ?? error.message));
    this.#request.on("response", (response) => this.#read(response, listener));
    this.#request.end(body);
  }

  /** Whether its response has begun and not ended. */
  get streaming(): boolean {
    return this.#response !== undefined && open.has(this);
  }

  /** Closes the connection. */
  leave(): void {
    this.#settle("left");
  }

  /** Closes the sending side only. */
  halfClose(): void {
    this.#request.socket?.end();
  }

  /** Stops reading: soon the other side can send no more. */
  pause(): void {
    this.#response?.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#response?.resume();
  }

  #read(response: IncomingMessage, { onHead, onText }: Listener): void {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    onHead?.(this.status, response.headers);
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      if (onText && this.status === 200) onText(text);
      else this.body += text;
    });
    response.on("error", (error: NodeJS.ErrnoException) => this.#cut(error.code ?? error.message));
    response.on("end", () => this.#settle(response.complete ? "whole" : "cut"));
    response.on("close", () => this.#cut("closed"));
  }

  #cut(reason: string): void {
    this.reason ||= reason;
    this.#settle("cut");
  }
}

const open = new Set<Exchange>();

/** How many responses have begun and not ended. */
export function streamsOpen(): number {
  let count = 0;
  for (const exchange of open) if (exchange.streaming) count++;
  return count;
}
