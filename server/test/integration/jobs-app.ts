/** Dirty apps with jobs of every temper, a web app that calls them as it is told, and a client for both. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, type RunningServer, removeFolder, startServer, temporaryFolder } from "./harness.ts";
import { open, type RequestOptions, type Stream, type Target } from "./http-tools.ts";

const APP = `
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp, DirtyAppError, DirtyError } from "tsunicorn";

const yields = {};

class Refusal extends DirtyAppError { expected = true; }

class Jobs extends DirtyApp {
  #note(what) {
    const { id, signal } = this.request;
    const note = { at: Date.now(), what, id, aborted: signal.aborted, pid: process.pid };
    appendFileSync("notes.log", JSON.stringify(note) + "\\n");
  }
  pid() { return process.pid; }
  echo(...args) { return args; }
  add(a, b) { return a + b; }
  id() { return this.request.id; }
  async job(ms) { this.#note("began"); await sleep(ms); this.#note("settled"); return this.request.id; }
  async work(ms) {
    this.#note("began");
    try { await sleep(ms, undefined, { signal: this.request.signal }); return this.request.id; }
    finally { this.#note("settled"); }
  }
  async *thinks(ms) {
    this.#note("began");
    try { await sleep(ms, undefined, { signal: this.request.signal }); yield "thought"; }
    finally { this.#note("settled"); }
  }
  async *ticks(n, ms) {
    this.#note("began");
    try {
      for (let i = 0; i < n; i++) {
        yield i;
        await sleep(ms, undefined, { signal: this.request.signal });
      }
    } finally { this.#note("settled"); }
  }
  async *ids(turns) {
    for (let i = 0; i < turns; i++) {
      yield this.request.id;
      if (i % 4 === 1) await sleep(1);
      if (i % 4 === 3) await new Promise((resolve) => setImmediate(resolve));
      yield await this.#later();
    }
  }
  async #later() { await null; return this.request.id; }
  *flood(n, size) {
    const { id } = this.request;
    this.#note("began");
    try { for (let i = 0; i < n; i++) { yields[id] = i + 1; yield String(i).padStart(size, "."); } }
    finally { this.#note("settled"); }
  }
  async *floodLater(n, size) { yield* this.flood(n, size); }
  yielded(id) { return yields[id] ?? 0; }
  spin(ms) { this.#note("began"); const until = Date.now() + ms; while (Date.now() < until); return ms; }
  async deaf() { this.#note("began"); await new Promise(() => {}); }
  async *tellsThenDies(n) { for (let i = 0; i < n; i++) { yield i; await sleep(0); } process.kill(process.pid, "SIGKILL"); await sleep(5000); }
  dies() { process.kill(process.pid, "SIGKILL"); const until = Date.now() + 5000; while (Date.now() < until); }
  fails(message) { throw Object.assign(new RangeError(message), { secret: "swordfish" }); }
  async *failsLater(message) { yield "a"; await sleep(1); yield "b"; throw new Error(message); }
  refuses(message) { throw new Refusal(message); }
  failsTyped() { throw new DirtyError("mine", { details: { n: 1 } }); }
  value(name) { return { date: new Date(0), map: new Map(), error: new Error("e"), function: () => {} }[name]; }
  async *values(name) { yield 1; yield this.value(name); }
}

export class One extends Jobs {}
export class Four extends Jobs { static concurrency = 4; }
export class Many extends Jobs { static concurrency = 1000; }
`;

/** The body of a request says what to call, and how. */
const MAIN = `
import { once } from "node:events";
import { inspect, isDeepStrictEqual } from "node:util";
import { dirty, getDirtyClient } from "tsunicorn";

const typed = { One: dirty("./app.mjs:One"), Many: dirty("./app.mjs:Many") };

function describe(error) {
  const { name, code, message, details, retryAfter } = error ?? {};
  return { name, code, message, details, retryAfter, all: JSON.stringify(error, Object.getOwnPropertyNames(error ?? {})) };
}

const CROSS = {
  null: null, true: true, false: false, zero: 0, minusZero: -0, integer: -42, largest: Number.MAX_SAFE_INTEGER,
  float: 1.5, nan: NaN, infinity: -Infinity, tiny: 5e-324, bigint: 2n ** 60n, negativeBigint: -(2n ** 63n),
  empty: "", text: "grüße 🎈 \\u0000 end", long: "é".repeat(200_000), bytes: Buffer.from([0, 255, 128]),
  manyBytes: Buffer.alloc(300_000, 7), list: [1, [2, [3, []]], null], dict: { a: 1, "b c": { d: [true] } },
  emptyDict: {}, proto: JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}'),
  embedding: Float32Array.of(1.5, -0.25), half: [Float64Array.of(0.1), BigInt64Array.of(2n ** 60n), Int16Array.of(-1)],
  mixed: [{ n: 1n << 55n, b: Buffer.from("x"), s: "ß" }],
};

async function values(client, app) {
  const wrong = [];
  for (const [name, value] of Object.entries(CROSS)) {
    const [back] = await client.execute(app, "echo", value);
    if (!isDeepStrictEqual(back, value)) wrong.push(name);
  }
  const changed = {
    undefined: inspect(await client.execute(app, "echo", undefined, { left: undefined, kept: 1 }, [undefined])),
    smallBigint: inspect(await client.execute(app, "echo", 5n)),
    subarray: Buffer.from((await client.execute(app, "echo", new Uint8Array([9, 1, 2]).subarray(1)))[0]).toString("hex"),
    polluted: ({}).polluted ?? null,
  };
  return { wrong, changed };
}

async function how(kind, client, { app, action, args = [] }, response, gone) {
  switch (kind) {
    case "execute": return { result: await client.execute(app, action, ...args) };
    case "typed": return { result: await typed[app].with({ signal: gone.signal })[action](...args) };
    case "stream": case "typed-stream": {
      const call = kind === "stream" ? client.stream(app, action, ...args)
        : typed[app].with({ signal: gone.signal })[action](...args);
      for await (const chunk of call) {
        if (!response.write(JSON.stringify(chunk) + "\\n") && !gone.signal.aborted) {
          await once(response, "drain", { signal: gone.signal }).catch(() => {});
        }
      }
      return { ended: true };
    }
    case "batches": {
      for await (const batch of client.stream(app, action, ...args).batches()) {
        const text = batch.map((chunk) => JSON.stringify(chunk) + "\\n").join("");
        if (!response.write(text) && !gone.signal.aborted) {
          await once(response, "drain", { signal: gone.signal }).catch(() => {});
        }
      }
      return { ended: true };
    }
    case "values": return values(client, app);
    case "unsendable": {
      const tries = { date: new Date(0), map: new Map(), set: new Set(), function: () => {}, symbol: Symbol("s"), regexp: /x/ };
      const errors = {};
      for (const [name, value] of Object.entries(tries)) {
        errors[name] = await client.execute(app, "echo", value).then(() => "crossed", (error) => error.name);
      }
      return { errors };
    }
    case "leave": {
      const seen = [];
      for await (const chunk of client.stream(app, action, ...args)) { seen.push(chunk); if (seen.length === 2) break; }
      return { seen, at: Date.now() };
    }
    case "aborted": {
      const reason = new Error("changed my mind");
      return client.with({ signal: AbortSignal.abort(reason) }).execute(app, action, ...args)
        .then(() => ({ ran: true }), (error) => ({ same: error === reason }));
    }
    case "abort-after": {
      const signal = AbortSignal.timeout(args[0]);
      return client.with({ signal }).execute(app, action, ...args.slice(1))
        .then(() => ({ ran: true }), (error) => ({ same: error === signal.reason, name: error.name }));
    }
    case "status": return getDirtyClient().status();
  }
}

export default async function serve(request, response) {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  let text = "";
  for await (const data of request) text += data;
  const { kind, timeout, ...call } = JSON.parse(text);
  const requestId = request.headers["x-request-id"];
  const client = getDirtyClient().with({ signal: gone.signal, requestId, ...(timeout ? { timeout } : {}) });
  const began = Date.now();
  let last;
  try { last = await how(kind, client, call, response, gone); }
  catch (error) { last = { error: describe(error) }; }
  response.end(JSON.stringify({ ...last, ms: Date.now() - began, endedAt: Date.now() }) + "\\n");
}
`;

/** How an error looks to the web app that made the call. */
export interface CallError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly details: Record<string, unknown>;
  readonly retryAfter?: number;
  /** Every property that the error has, as JSON. */
  readonly all: string;
}

/** What became of a call. */
export interface Outcome {
  readonly result?: unknown;
  readonly error?: CallError;
  readonly ended?: boolean;
  /** How long the call took in the HTTP worker. */
  readonly ms: number;
  /** When it was over, `Date.now()`. */
  readonly endedAt: number;
  readonly [more: string]: unknown;
}

/** What a job wrote down. */
export interface Note {
  readonly at: number;
  readonly what: "began" | "settled";
  readonly id: string;
  readonly aborted: boolean;
  readonly pid: number;
}

/** What to call. */
export interface JobCall {
  readonly app: string;
  readonly action: string;
  readonly args?: unknown[];
  /** Seconds. */
  readonly timeout?: number;
  /** The request's id, as its jobs note it. */
  readonly id?: string;
  readonly kind?: string;
}

/** A stream of a job, as a client of the web app sees it. */
export class JobStream {
  readonly http: Stream;

  constructor(http: Stream) {
    this.http = http;
  }

  /** The chunks that came so far. */
  get chunks(): unknown[] {
    return this.lines.filter((line) => !isOutcome(line));
  }

  /** What ended it; undefined while it goes on, or when it was cut. */
  get outcome(): Outcome | undefined {
    const last = this.lines.at(-1);
    return isOutcome(last) ? last : undefined;
  }

  /** Waits for a number of chunks. */
  async has(count: number): Promise<void> {
    await eventually(`${count} chunks`, () => this.chunks.length >= count);
  }

  /** Waits for its end. */
  async over(ms?: number): Promise<Outcome> {
    await this.http.ended(ms);
    if (this.outcome === undefined) throw new Error(`the stream was cut: ${this.http.text.slice(-200)}`);
    return this.outcome;
  }

  leave(): void {
    this.http.leave();
  }

  private get lines(): unknown[] {
    const { text } = this.http;
    return text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter((line) => line !== "")
      .map((line): unknown => JSON.parse(line));
  }
}

function isOutcome(line: unknown): line is Outcome {
  return typeof line === "object" && line !== null && "endedAt" in line;
}

/** A server that runs the jobs. */
export class JobServer {
  readonly running: RunningServer;
  readonly folder: string;
  private lastId = 0;

  private constructor(running: RunningServer, folder: string) {
    this.running = running;
    this.folder = folder;
  }

  /**
   * Starts it.
   * @param apps the classes that it runs, of One, Four and Many; with `:N` behind them as in an app's spec.
   */
  static async start(
    apps: string[],
    args: string[] = [],
    files: Record<string, string> = {},
    env: NodeJS.ProcessEnv = {},
  ): Promise<JobServer> {
    const folder = temporaryFolder({ "app.mjs": APP, "main.mjs": MAIN, ...files });
    const specs = apps.flatMap((app) => ["--dirty-app", `./app.mjs:${app}`]);
    try {
      const running = await startServer({ args: ["main.mjs", ...specs, ...args], cwd: folder, env });
      return new JobServer(running, folder);
    } catch (error) {
      removeFolder(folder);
      throw error;
    }
  }

  async stop(): Promise<void> {
    try {
      await this.running.stop();
    } finally {
      removeFolder(this.folder);
    }
  }

  get target(): Target {
    return { port: this.running.port };
  }

  /** An id for a request that no other has. */
  newId(): string {
    return `job-${++this.lastId}`;
  }

  /** The request for a call. */
  request({ id = this.newId(), kind = "execute", ...call }: JobCall): RequestOptions {
    const body = JSON.stringify({ kind, ...call, app: this.spec(call.app, kind) });
    return { method: "POST", headers: { "x-request-id": id, "content-type": "application/json" }, body };
  }

  /** Calls, and waits for what becomes of it. */
  async call(call: JobCall): Promise<Outcome> {
    return (await this.begin(call)).over(50_000);
  }

  /** Begins a call; resolves when the headers of the answer are there, for a stream with its first chunk. */
  async begin(call: JobCall): Promise<JobStream> {
    return new JobStream(await open(this.target, "/", this.request(call)));
  }

  /** Begins a stream. */
  async stream(call: JobCall): Promise<JobStream> {
    return this.begin({ kind: "stream", ...call });
  }

  /** What the jobs wrote down so far. */
  notes(id?: string): Note[] {
    const file = join(this.folder, "notes.log");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Note => JSON.parse(line))
      .filter((note) => id === undefined || note.id === id);
  }

  /** Waits until a job wrote something down. */
  async noted(id: string, what: Note["what"], ms?: number): Promise<Note> {
    return eventually(`${id} ${what}`, () => this.notes(id).find((note) => note.what === what), ms);
  }

  private spec(app: string, kind: string): string {
    return app.includes(":") || kind.startsWith("typed") ? app : `./app.mjs:${app}`;
  }
}
