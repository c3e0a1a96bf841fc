import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach } from "vitest";
import {
  type RunningServer,
  removeFolder,
  type StartOptions,
  startServer,
  temporaryFolder,
} from "./harness.ts";
import { ask, open, type RequestOptions, type Stream, type Target } from "./http-tools.ts";

/** A dirty app that tells a file of its folder what happens to its runs. Streams end well once there is a file `enough LABEL`. */
const APP = `
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";

function note(what, label) {
  appendFileSync("events.log", JSON.stringify({ at: Date.now(), what, label, pid: process.pid }) + "\\n");
}

class Base extends DirtyApp {
  #calls = 0;
  init() {
    if (existsSync("broken")) throw new Error("the model is broken");
    note("init", this.constructor.name);
  }
  close() { note("close", this.constructor.name); }
  pid() { return process.pid; }
  count() { return ++this.#calls; }
  spin(ms) { note("spins", ""); const until = Date.now() + ms; while (Date.now() < until); return ms; }
  async hold(ms, label) {
    note("began", label);
    this.request.signal.addEventListener("abort", () => note("cancelled", label));
    await sleep(ms);
    note("ended", label);
    return label;
  }
  async *ticks(n, ms, label = "") {
    note("began", label);
    const { signal } = this.request;
    signal.addEventListener("abort", () => note("cancelled", label));
    for (let i = 0; i < n && !signal.aborted && !existsSync("enough " + label); i++) {
      if (i > 0) await sleep(ms);
      yield i + " ";
    }
    note("ended", label);
  }
}

export class Echo extends Base { static concurrency = 16; }
export class Single extends Base {}
`;

/** A web app that makes calls by its paths: /call/Echo/count, /stream/Single/ticks?args=[10,100]. */
const MAIN = `
import { existsSync as isThere } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { dirty, getDirtyClient } from "tsunicorn";

const apps = { Echo: dirty("./app.mjs:Echo"), Single: dirty("./app.mjs:Single") };

export default async function serve(request, response) {
  const url = new URL(request.url, "http://localhost");
  const [, kind, first, second] = url.pathname.split("/");
  const args = JSON.parse(url.searchParams.get("args") ?? "[]");
  const left = new AbortController();
  response.on("close", () => left.abort());
  response.setHeader("x-pid", process.pid);
  const requestId = request.headers["x-request-id"];
  const call = (app, action) => apps[app].with({ signal: left.signal, requestId })[action](...args);
  const began = Date.now();
  try {
    if (kind === "pid") response.end(String(process.pid));
    else if (kind === "status") response.end(JSON.stringify(getDirtyClient().status()));
    else if (kind === "socket") response.end(process.env.TSUNICORN_DIRTY_SOCKET);
    else if (kind === "wait") { await sleep(Number(first)); response.end("waited"); }
    else if (kind === "spin") { const until = Date.now() + Number(first); while (Date.now() < until); response.end("spun"); }
    else if (kind === "body") {
      let size = 0;
      for await (const chunk of request) size += chunk.length;
      response.end("body of " + size);
    }
    else if (kind === "echo-headers") response.end(JSON.stringify(request.headers));
    else if (kind === "big") response.end("x".repeat(Number(first)));
    else if (kind === "throw") setImmediate(() => { throw new Error("never caught"); });
    else if (kind === "call") response.end(JSON.stringify({ result: await call(first, second) }));
    else if (kind === "held") { while (!isThere("enough " + first)) await sleep(10); response.end("held"); }
    else if (kind === "late") {
      response.flushHeaders();
      while (!isThere("enough late")) await sleep(10);
      response.end(JSON.stringify({ result: await call(first, second) }));
    }
    else if (kind === "stream") {
      // The call arrives first and the headers leave then, so a client that has them knows its place.
      const steps = call(first, second)[Symbol.asyncIterator]();
      if (url.searchParams.has("early")) response.flushHeaders();
      for await (const chunk of { [Symbol.asyncIterator]: () => steps }) response.write(chunk);
      response.end("done");
    }
    else { response.statusCode = 404; response.end(); }
  } catch (error) {
    const failure = JSON.stringify({ name: error.name, code: error.code, ms: Date.now() - began, at: Date.now() });
    if (response.headersSent) response.end("failed: " + failure);
    else { response.statusCode = 500; response.end(failure); }
  }
}
`;

/** The files of a server for tests: the web app `main.mjs`, and `app.mjs` with the dirty apps Echo and Single. */
export const ECHO_FILES = { "main.mjs": MAIN, "app.mjs": APP };

/** Arguments that run both dirty apps. */
export const WITH_DIRTY = ["main.mjs", "--dirty-app", "./app.mjs:Echo", "--dirty-app", "./app.mjs:Single"];

/** What a run told the events file. */
export interface Event {
  readonly at: number;
  readonly what: "init" | "close" | "began" | "ended" | "cancelled" | "spins";
  readonly label: string;
  readonly pid: number;
}

/** What happened in a server's dirty apps so far. */
export function events(folder: string): Event[] {
  const file = join(folder, "events.log");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Event => JSON.parse(line));
}

/** A failed call, as the web app describes it. */
export interface Failure {
  readonly name: string;
  readonly code: string;
  /** How long the call took. */
  readonly ms: number;
  /** When it failed, `Date.now()`. */
  readonly at: number;
}

/** Reads a failed call from the end of an answer. */
export function failureIn(text: string): Failure {
  const from = text.indexOf("{");
  return JSON.parse(text.slice(from));
}

/** Calls an action through the web app. @returns its result. */
export async function call(target: Target, action: string, ...args: unknown[]): Promise<unknown> {
  const { status, body } = await ask(target, pathOf("call", action, args));
  if (status !== 200) throw new Error(`${action} failed: ${status} ${body}`);
  const { result }: { result: unknown } = JSON.parse(body);
  return result;
}

/** Begins to stream an action through the web app; resolves with its first bytes. */
export async function stream(
  target: Target,
  action: string,
  args: unknown[],
  options: RequestOptions = {},
): Promise<Stream> {
  const opened = await open(target, pathOf("stream", action, args), options);
  await opened.has(/./);
  return opened;
}

/**
 * Begins to stream an action through the web app; resolves when the call was made, though it may have to wait
 * for a slot. So one after the other have their order.
 */
export async function enqueue(target: Target, action: string, args: unknown[]): Promise<Stream> {
  return open(target, `${pathOf("stream", action, args)}&early`);
}

/** The path of a call. */
export function pathOf(kind: string, action: string, args: unknown[] = []): string {
  return `/${kind}/${action.replace(".", "/")}?args=${encodeURIComponent(JSON.stringify(args))}`;
}

/** A server that runs the echo apps, for one test. */
export interface EchoServer extends RunningServer {
  readonly folder: string;
  readonly target: Target;
}

/** How an echo server is started. */
export interface EchoOptions extends Partial<StartOptions> {
  /** Default: `ECHO_FILES`. */
  readonly files?: Record<string, string>;
  /** Called with the folder before the server starts. */
  readonly prepare?: (folder: string) => void;
}

/**
 * Gives a test file its servers.
 * @param after when they end: with their test, or with `afterAll`. It fails when one left something behind.
 * @returns starts one; arguments: what follows those of `WITH_DIRTY`, unless `args` is given.
 */
export function echoServers(
  after: (hook: () => Promise<void>) => void = afterEach,
): (more?: string[], options?: EchoOptions) => Promise<EchoServer> {
  const servers: RunningServer[] = [];
  const folders: string[] = [];
  after(async () => {
    try {
      const stops = await Promise.allSettled(servers.splice(0).map((server) => server.stop()));
      for (const stop of stops) if (stop.status === "rejected") throw stop.reason;
    } finally {
      for (const folder of folders.splice(0)) removeFolder(folder);
    }
  });
  return async (more = [], { files = ECHO_FILES, prepare = () => {}, ...options } = {}) => {
    const folder = temporaryFolder(files);
    folders.push(folder);
    prepare(folder);
    const server = await startServer({ args: [...WITH_DIRTY, ...more], cwd: folder, ...options });
    servers.push(server);
    return Object.assign(server, { folder, target: { port: server.port } });
  };
}
