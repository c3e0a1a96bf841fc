/** Gunicorn's own clients can call TypeScript apps: a client in Python that knows only their part of the protocol. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { eventually, removeFolder, temporaryFolder } from "./harness.ts";
import { JobServer } from "./jobs-app.ts";

const PYTHON = process.env["PYTHON"] ?? "python3";
const SCRIPT = fileURLToPath(new URL("../python/gunicorn_client.py", import.meta.url));
const NO_PYTHON = spawnSync(PYTHON, ["--version"]).status === 0 ? undefined : `${PYTHON} cannot be started`;

const [RESPONSE, ERROR, CHUNK, END] = [2, 3, 4, 5];

/** A frame as the client printed it. */
interface Frame {
  readonly type: number;
  readonly id: string;
  readonly payload: unknown;
}

/** A request as the client is told to send it. */
interface Asked {
  readonly id: string;
  readonly app?: string;
  readonly action: string;
  readonly args?: unknown[];
  readonly kwargs?: Record<string, unknown>;
}

/** The client in Python, doing step after step. */
class PythonClient {
  readonly process: ChildProcess;
  private output = "";
  private errors = "";
  private code: number | null | undefined;

  constructor(path: string) {
    this.process = spawn(PYTHON, ["-I", SCRIPT, path], { stdio: "pipe" });
    this.process.stdout?.on("data", (data: Buffer) => {
      this.output += data.toString();
    });
    this.process.stderr?.on("data", (data: Buffer) => {
      this.errors += data.toString();
    });
    this.process.once("exit", (code) => {
      this.code = code;
    });
  }

  step(step: Record<string, unknown>): void {
    this.process.stdin?.write(`${JSON.stringify(step)}\n`);
  }

  /** Sends one message of another type than REQUEST, and waits for its answer. */
  async question(message: Record<string, unknown>): Promise<unknown> {
    const before = this.frames.length;
    this.step({ send: [{ id: "77", ...message }] });
    this.step({ read: 1 });
    await this.came("the answer", () => this.frames.length > before);
    const [frame] = this.frames.slice(before);
    expect(frame).toMatchObject({ type: RESPONSE, id: "77", payload: { result: expect.anything() } });
    return (frame?.payload as { result: unknown } | undefined)?.result;
  }

  send(...requests: Asked[]): void {
    this.step({ send: requests.map((request) => ({ app: "app.mjs:Many", ...request })) });
  }

  /** The frames that came so far. */
  get frames(): Frame[] {
    return this.output
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Frame => JSON.parse(line));
  }

  /** Sends requests, and waits for their answers. @returns all their frames. */
  async ask(...requests: Asked[]): Promise<Frame[]> {
    const before = this.frames.length;
    this.send(...requests);
    this.step({ read: requests.length });
    const last = (frames: Frame[]) => frames.filter(({ type }) => type !== CHUNK).length;
    await this.came("the answers", () => last(this.frames.slice(before)) === requests.length);
    return this.frames.slice(before);
  }

  private async came(what: string, condition: () => boolean): Promise<void> {
    await eventually(what, () => {
      if (this.code !== undefined) throw new Error(`the client ended with ${this.code}: ${this.errors}`);
      return condition();
    });
  }

  kill(): void {
    this.process.kill("SIGKILL");
  }
}

let folder: string;
let path: string;
let server: JobServer;
const clients: PythonClient[] = [];

beforeAll(async () => {
  if (NO_PYTHON !== undefined) return;
  folder = temporaryFolder();
  path = join(folder, "dirty.sock");
  server = await JobServer.start(["Many", "One"], ["--dirty-bind", path, "--dirty-timeout", "5"]);
});

beforeEach(({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.kill();
});

afterAll(async () => {
  if (NO_PYTHON !== undefined) return;
  await server.stop();
  removeFolder(folder);
});

function connect(): PythonClient {
  const client = new PythonClient(path);
  clients.push(client);
  return client;
}

test("every child finds the socket's path in TSUNICORN_DIRTY_SOCKET", () => {
  for (const pid of [...server.running.pids("http worker"), ...server.running.pids("dirty worker")]) {
    expect(readFileSync(`/proc/${pid}/environ`, "latin1").split("\0")).toContain(
      `TSUNICORN_DIRTY_SOCKET=${path}`,
    );
  }
});

describe("a client in Python", () => {
  test("calls an action of a TypeScript app", async () => {
    expect(await connect().ask({ id: "7", action: "add", args: [40, 2] })).toEqual([
      { type: RESPONSE, id: "7", payload: { result: 42 } },
    ]);
  });

  test("has every value back as it was", async () => {
    const values = [
      null,
      true,
      false,
      0,
      -1,
      1.5,
      "grüße 🎈",
      "",
      { hex: "00ff80" },
      [1, [2, [3]]],
      { a: { b: [null] }, "b c": "x" },
      [],
      {},
    ];
    const [frame] = await connect().ask({ id: "1", action: "echo", args: values });
    expect(frame?.payload).toEqual({ result: values });
  });

  test("gives keyword arguments, and the action has them as one plain object, its last argument", async () => {
    const [frame] = await connect().ask({
      id: "1",
      action: "echo",
      args: ["positional"],
      kwargs: { temperature: 0.5, nested: { a: [1] } },
    });
    expect(frame?.payload).toEqual({ result: ["positional", { temperature: 0.5, nested: { a: [1] } }] });
  });

  test.for([
    "0",
    "1",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551615",
    "12345678901234567890",
  ])("has the id %s echoed bit for bit", async (id) => {
    const client = connect();
    const frames = await client.ask(
      { id, action: "flood", args: [2, 1] },
      { id, action: "add", args: [1, 1] },
      { id, action: "missing" },
    );
    expect(frames.map((frame) => [frame.type, frame.id])).toEqual([
      [CHUNK, id],
      [CHUNK, id],
      [END, id],
      [RESPONSE, id],
      [ERROR, id],
    ]);
  });

  test("streams: chunks, then END", async () => {
    const frames = await connect().ask({ id: "3", action: "ticks", args: [5, 5] });
    expect(frames.slice(0, -1).map(({ payload }) => payload)).toEqual(
      [0, 1, 2, 3, 4].map((data) => ({ data })),
    );
    expect(frames.at(-1)).toEqual({ type: END, id: "3", payload: null });
  });

  test.for<[name: string, asked: Omit<Asked, "id">, type: string]>([
    ["an app that is not there", { app: "missing.mjs:App", action: "run" }, "DirtyAppNotFoundError"],
    ["a path in Python's form", { app: "myapp.ml:MLApp", action: "run" }, "DirtyAppNotFoundError"],
    ["an action that is not there", { action: "missing" }, "DirtyAppNotFoundError"],
    ["an error of the app", { action: "fails", args: ["no"] }, "DirtyAppError"],
    ["a result that cannot cross", { action: "value", args: ["date"] }, "DirtyProtocolError"],
  ])("has errors by Gunicorn's names: %s", async ([, asked, type]) => {
    const client = connect();
    const [frame] = await client.ask({ id: "5", ...asked });
    expect(frame).toMatchObject({
      type: ERROR,
      id: "5",
      payload: { error: { error_type: type, message: expect.any(String), details: expect.any(Object) } },
    });
    // The connection is as good as before.
    expect(await client.ask({ id: "6", action: "add", args: [1, 1] })).toMatchObject([{ type: RESPONSE }]);
  });

  test("is told what an error is about in the details that Gunicorn's errors have", async () => {
    const client = connect();
    const [failed] = await client.ask({ id: "1", action: "fails", args: ["no"] });
    expect(failed?.payload).toEqual({
      error: {
        error_type: "DirtyAppError",
        message: "no",
        details: { app_path: "app:Many", action: "fails", error_class: "RangeError" },
      },
    });
    const [late] = await client.ask({ id: "2", action: "work", args: [60_000] });
    expect(late).toMatchObject({
      type: ERROR,
      payload: { error: { error_type: "DirtyTimeoutError", details: { timeout: 5 } } },
    });
  });

  test("has a worker's death told by its name, while no other request waits for it", async () => {
    const client = connect();
    const frames = await client.ask({ id: "1", action: "tellsThenDies", args: [3] });
    expect(frames.map(({ type }) => type)).toEqual([CHUNK, CHUNK, CHUNK, ERROR]);
    expect(frames.at(-1)?.payload).toMatchObject({ error: { error_type: "DirtyWorkerError" } });
    expect(await client.ask({ id: "2", action: "add", args: [1, 1] })).toMatchObject([{ type: RESPONSE }]);
  });

  test("that sends two requests at once has them served one after the other, in order", async () => {
    const frames = await connect().ask(
      { id: "1", action: "ticks", args: [5, 20] },
      { id: "2", action: "add", args: [1, 1] },
    );
    expect(frames.map(({ id }) => id)).toEqual(["1", "1", "1", "1", "1", "1", "2"]);
  });

  test("has its run cancelled when it leaves, also while another request waits behind", async () => {
    for (const behind of [[], [{ id: "2", action: "job", args: [1] }]]) {
      const client = connect();
      const before = server.notes().length;
      client.send({ id: "1", app: "app.mjs:One", action: "ticks", args: [10_000, 10] }, ...behind);
      client.step({ frames: 3 });
      await eventually("three chunks", () => client.frames.length === 3);
      client.step({ close: true });
      const settled = await eventually("the run has settled", () =>
        server
          .notes()
          .slice(before)
          .find(({ what }) => what === "settled"),
      );
      expect(settled.aborted).toBe(true);
      expect(server.notes().slice(before)).toHaveLength(2);
    }
  });

  test("that is killed has its run cancelled", async () => {
    const client = connect();
    const before = server.notes().length;
    client.send({ id: "1", app: "app.mjs:One", action: "work", args: [60_000] });
    await eventually("the run has begun", () => server.notes().length > before);
    client.kill();
    await eventually("the run has settled", () => server.notes().length === before + 2);
    expect(server.notes().at(-1)).toMatchObject({ what: "settled", aborted: true });
  });

  test("shares the slots with the web app's users, and waits in the same queue", async () => {
    const id = server.newId();
    const busy = server.call({ app: "One", action: "job", args: [300], id });
    await server.noted(id, "began");
    const frames = await connect().ask({ id: "1", app: "app.mjs:One", action: "add", args: [1, 1] });
    expect(frames).toMatchObject([{ type: RESPONSE, payload: { result: 2 } }]);
    expect(server.notes(id).map(({ what }) => what)).toEqual(["began", "settled"]);
    await busy;
  });

  test("asks for STATUS, and has MANAGE add and remove workers", async () => {
    const client = connect();
    const workers = async () => {
      const status = (await client.question({ status: true })) as {
        workers: { pid: number; age: number; apps: string[]; booted: boolean; last_heartbeat: number }[];
      };
      expect(status).toMatchObject({
        arbiter_pid: server.running.pids("dirty arbiter")[0],
        worker_count: status.workers.length,
        apps: ["app:Many", "app:One"],
      });
      return status.workers;
    };
    const first = await eventually("the worker has registered", async () => {
      const all = await workers();
      return all.length === 1 ? all[0] : undefined;
    });
    expect(first).toMatchObject({ booted: true, age: expect.any(Number), apps: ["app:Many", "app:One"] });
    expect(server.running.pids("dirty worker")).toEqual([first.pid]);
    expect(await client.question({ manage: { op: 1, count: 2 } })).toMatchObject({
      success: true,
      operation: "add",
      requested: 2,
      spawned: 2,
      target_workers: 3,
    });
    await eventually("three workers", async () => (await workers()).length === 3, 60_000);
    expect(await client.question({ manage: { op: 2, count: 2 } })).toMatchObject({
      success: true,
      operation: "remove",
      requested: 2,
      removed: 2,
      target_workers: 1,
    });
    await eventually("one worker again", async () => (await workers()).length === 1, 60_000);
    // More than there are, and nothing is done.
    expect(await client.question({ manage: { op: 2, count: 9 } })).toMatchObject({
      success: true,
      removed: 0,
      reason: expect.stringContaining("there can be 1 to 1000"),
    });
  });

  test("twenty of them at once each get their own answers", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => connect().ask({ id: String(n), action: "echo", args: [n] })),
    );
    for (const [n, frames] of answers.entries()) {
      expect(frames).toEqual([{ type: RESPONSE, id: String(n), payload: { result: [n] } }]);
    }
  });
});
