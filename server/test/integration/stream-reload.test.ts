/** What readers of resumable streams see of reloads, and of a stop, with the whole server. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type EchoServer, echoServers } from "./echo-app.ts";
import { eventually, isAlive } from "./harness.ts";
import { ask, open, type Stream } from "./http-tools.ts";

const APP = `
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";

export class App extends DirtyApp {
  static concurrency = 8;
  static continues = ["counts"];
  async *counts(n, ms) {
    const { signal, emitted } = this.request;
    appendFileSync("began.log", process.pid + "\\n");
    for (let i = emitted.length; i < n && !existsSync("enough"); i++) { await sleep(ms, undefined, { signal }); yield i + " "; }
  }
  close() { appendFileSync("closed.log", process.pid + "\\n"); }
}
`;

/** /run/ID/N/MS begins a stream, /read/ID/AFTER reads it on. */
const MAIN = `
import { getDirtyClient } from "tsunicorn";
export default async function serve(request, response) {
  const [, kind, streamId, ...args] = new URL(request.url, "http://x").pathname.split("/");
  const left = new AbortController();
  response.on("close", () => left.abort());
  const { signal } = left;
  const numbers = args.map(Number);
  try {
    const client = getDirtyClient();
    const stream = kind === "run"
      ? client.with({ streamId, signal }).stream("./app.mjs:App", "counts", ...numbers)
      : client.resume(streamId, { after: numbers[0], signal });
    for await (const chunk of stream) response.write(chunk);
    response.end("done");
  } catch (error) { response.end("failed: " + error.code); }
}
`;

const start = echoServers();

async function server(...flags: string[]): Promise<EchoServer> {
  return start([], {
    files: { "main.mjs": MAIN, "app.mjs": APP },
    args: ["main.mjs", "--dirty-app", "./app.mjs:App", "--workers", "1", "--dirty-workers", "1", ...flags],
  });
}

const newId = (): string => `str_${randomBytes(16).toString("base64url")}`;

const text = (to: number, from = 0): string =>
  `${Array.from({ length: to - from }, (_, i) => `${from + i} `).join("")}done`;

/** Begins a stream, and is cut off after some of it. */
async function cutOff(running: EchoServer, n: number, ms: number): Promise<string> {
  const id = newId();
  const reader = await begin(running, id, n, ms);
  reader.leave();
  return id;
}

async function begin(running: EchoServer, id: string, n: number, ms: number): Promise<Stream> {
  const reader = await open(running.target, `/run/${id}/${n}/${ms}`);
  await reader.has("2 ");
  return reader;
}

const read = async (running: EchoServer, id: string, after = 0): Promise<string> =>
  (await ask(running.target, `/read/${id}/${after}`)).body;

/** Reloads, and waits until only the new HTTP workers are there. @returns the old dirty worker's process id. */
async function reload(running: EchoServer): Promise<number> {
  const [old = 0] = running.pids("dirty worker");
  const http = running.pids("http worker");
  running.signal("SIGHUP");
  await running.logged("reloaded in ");
  await eventually("the old HTTP workers have ended", () => !http.some(isAlive));
  return old;
}

describe("after a reload", () => {
  test("a reader that was cut off reads on from the old dirty worker, also after the run's end, which then goes", async () => {
    const running = await server();
    const id = await cutOff(running, 40, 20);
    const old = await reload(running);
    await eventually("the run is over", async () => (await read(running, id, 40)) === "done");
    // That reader had the end, and no other has.
    await eventually("the worker ends", () => !isAlive(old));
    expect(await read(running, id)).toBe("failed: DIRTY_STREAM_GONE");
  });

  test("the old dirty worker keeps an end that was not read, for a reader that comes back in time", async () => {
    const running = await server("--stream-grace", "60");
    const id = await cutOff(running, 10, 20);
    const old = await reload(running);
    const began = Date.now();
    // Long over by now: it would have gone.
    await eventually("a second has passed", () => Date.now() - began > 1000);
    expect(isAlive(old)).toBe(true);
    expect(await read(running, id, 3)).toBe(text(10, 3));
    await eventually("the worker ends", () => !isAlive(old));
  });

  test("and when no reader comes back in time, the stream is gone, and the worker too", async () => {
    const running = await server("--stream-grace", "1");
    const id = await cutOff(running, 10, 20);
    const old = await reload(running);
    await eventually("the worker ends", () => !isAlive(old));
    expect(await read(running, id, 3)).toBe("failed: DIRTY_STREAM_GONE");
    expect(await read(running, newId())).toBe("failed: DIRTY_STREAM_NOT_FOUND");
  });

  test("readers are not waited for beyond dirtyGracefulTimeout", async () => {
    const running = await server("--dirty-graceful-timeout", "1");
    const id = await cutOff(running, 10, 20);
    const old = await reload(running);
    await eventually("the worker ends", () => !isAlive(old));
    expect(await read(running, id, 3)).toBe("failed: DIRTY_STREAM_GONE");
  });

  test("a run that dirtyGracefulTimeout cuts goes on in the new generation if it has a reader, else it is gone", async () => {
    const running = await server("--dirty-graceful-timeout", "2");
    const [alone, watched] = [await cutOff(running, 100_000, 20), newId()];
    (await begin(running, watched, 100_000, 20)).leave();
    const old = await reload(running);
    const reader = await open(running.target, `/read/${watched}/0`);
    await reader.has("2 ");
    await eventually("the old worker ends", () => !isAlive(old));
    expect(await read(running, alone)).toBe("failed: DIRTY_STREAM_GONE");
    const before = reader.text.length;
    await eventually("it goes on", () => reader.text.length > before);
    writeFileSync(join(running.folder, "enough"), "");
    await reader.ended();
    const count = reader.text.split(" ").length - 1;
    expect(reader.text).toBe(text(count));
    expect(await read(running, watched, count - 10)).toBe(text(count, count - 10));
  });
});

test("a stop does not wait for readers that cannot come back", async () => {
  const running = await server("--graceful-timeout", "60");
  await cutOff(running, 10, 20);
  const old = await reload(running);
  await cutOff(running, 10, 20);
  expect(isAlive(old)).toBe(true);
  running.signal("SIGTERM");
  expect(await running.exited()).toEqual({ code: 0, signal: null });
});

describe("a quick stop ends at once what a graceful one waits for, and in good order", () => {
  /** The dirty worker drains a run without a reader, for as long as its grace lasts. */
  async function draining(running: EchoServer): Promise<void> {
    await cutOff(running, 2000, 20);
    running.signal("SIGTERM");
    await running.logged(/http worker \d+ has stopped/);
    await eventually("no HTTP worker is left", () => running.pids("http worker").length === 0);
  }

  async function endsAtOnce(running: EchoServer): Promise<void> {
    expect(await running.exited()).toEqual({ code: 0, signal: null });
    // After three seconds it would be.
    expect(running.log()).not.toContain(" is killed: ");
    expect(readFileSync(join(running.folder, "closed.log"), "utf8").trim().split("\n")).toHaveLength(1);
  }

  test("by SIGINT", async () => {
    const running = await server();
    await draining(running);
    running.signal("SIGINT");
    await endsAtOnce(running);
  });

  test("by ctl shutdown quick", async () => {
    const running = await server("--control-socket", "ctl.sock");
    await draining(running);
    const bin = fileURLToPath(new URL("../../bin/tsunicorn.mjs", import.meta.url));
    const socket = join(running.folder, "ctl.sock");
    const ctl = spawn(process.execPath, [bin, "ctl", "--socket", socket, "shutdown", "quick"]);
    await once(ctl, "close");
    await endsAtOnce(running);
  });
});

test("a stream is found though its paused dirty worker comes late to a new dirty arbiter", async () => {
  const running = await server("--dirty-queue-timeout", "2");
  const id = await cutOff(running, 10, 20);
  const [worker = 0] = running.pids("dirty worker");
  const [arbiter = 0] = running.pids("dirty arbiter");
  await eventually("it has ended", async () => (await read(running, id)) === text(10));
  process.kill(worker, "SIGSTOP");
  try {
    process.kill(arbiter, "SIGKILL");
    await eventually("there is another", () => running.pids("dirty arbiter").some((pid) => pid !== arbiter));
    expect(await read(running, id, 3)).toBe("failed: DIRTY_QUEUE_TIMEOUT");
  } finally {
    process.kill(worker, "SIGCONT");
  }
  await eventually("it is found", async () => (await read(running, id, 3)) === text(10, 3));
});
