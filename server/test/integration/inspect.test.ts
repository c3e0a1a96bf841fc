/** --inspect and --dirty-inspect: a debugger reaches the worker that is meant, which is not replaced while it stands. */
import { createConnection } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { echoServers } from "./echo-app.ts";
import { freePort } from "./free-port.ts";
import { eventually } from "./harness.ts";
import { ask } from "./http-tools.ts";

const start = echoServers();

const FILES = {
  "main.mjs": `
    import { getDirtyClient } from "tsunicorn";
    export default async (request, response) => {
      if (request.url === "/pid") return response.end(String(process.pid));
      const answer = await getDirtyClient().execute("./app.mjs:App", "pid").catch((error) => error.name);
      response.end(String(answer));
    };`,
  "app.mjs": `
    import { DirtyApp } from "tsunicorn";
    export class App extends DirtyApp { pid() { return process.pid; } }`,
};
// Node's own "Debugger listening on" comes first.
const LISTENS = '"msg":"listening on';
const QUICK = [
  "--timeout",
  "0.5",
  "--dirty-queue-timeout",
  "0.5",
  "--dirty-timeout",
  "0.5",
  "--dirty-abort-grace",
  "0",
];

/** A debugger: the few messages of the protocol that a test needs, over a WebSocket written by hand. */
class Debugger {
  #socket;
  #id = 0;
  #received = Buffer.alloc(0);
  readonly #answers = new Map<number, (result: Record<string, unknown>) => void>();

  private constructor(socket: ReturnType<typeof createConnection>) {
    this.#socket = socket;
    socket.on("data", (data) => this.#read(data));
    socket.on("error", () => {});
  }

  /** Connects to the process that listens at a port. */
  static async attach(port: number): Promise<Debugger> {
    const targets = await fetch(`http://127.0.0.1:${port}/json`).then((response) => response.json());
    const { pathname } = new URL(
      (targets as { webSocketDebuggerUrl: string }[])[0]?.webSocketDebuggerUrl ?? "",
    );
    const socket = createConnection(port, "127.0.0.1");
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    );
    const head: Buffer = await new Promise((resolve) => socket.once("data", resolve));
    expect(head.toString()).toMatch(/^HTTP\/1\.1 101 /);
    const client = new Debugger(socket);
    onTestFinished(() => void socket.destroy());
    return client;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends a command and waits for its result. */
  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    const text = Buffer.from(JSON.stringify({ id, method, params }));
    // Masked with zeros, as a client must and may.
    const head = Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 255, 0, 0, 0, 0]);
    this.#socket.write(Buffer.concat([head, text]));
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  /** The id of the process that it has reached. */
  async pid(): Promise<unknown> {
    const { result } = await this.send("Runtime.evaluate", { expression: "process.pid" });
    return (result as { value: unknown }).value;
  }

  /** Has it stand still at once, as at a breakpoint. */
  async pause(): Promise<void> {
    await this.send("Debugger.enable");
    await this.send("Debugger.pause");
    void this.send("Runtime.evaluate", { expression: "1" });
  }

  #read(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    while (this.#received.length >= 2) {
      const short = (this.#received[1] ?? 0) & 127;
      const start = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (this.#received.length < start) return;
      const length =
        short === 127
          ? Number(this.#received.readBigUInt64BE(2))
          : short === 126
            ? this.#received.readUInt16BE(2)
            : short;
      if (this.#received.length < start + length) return;
      const frame = this.#received.subarray(0, start + length);
      this.#received = this.#received.subarray(start + length);
      const opcode = (frame[0] ?? 0) & 15;
      // The process lets go, and waits until its debugger does too.
      if (opcode === 8) this.close();
      if (opcode !== 1) continue;
      const { id, result } = JSON.parse(frame.toString("utf8", start));
      this.#answers.get(id)?.(result);
    }
  }
}

test("each worker listens at a port of its own, and the one of an HTTP worker is not a dirty worker's", async () => {
  const [http, dirty] = [await freePort(), await freePort()];
  const server = await start([], {
    args: [
      "main.mjs",
      "-w",
      "1",
      `--inspect=${http}`,
      `--dirty-inspect=127.0.0.1:${dirty}`,
      "--dirty-app",
      "./app.mjs:App",
    ],
    files: FILES,
    until: LISTENS,
  });
  expect(await (await Debugger.attach(http)).pid()).toBe(server.pids("http worker")[0]);
  expect(await (await Debugger.attach(dirty)).pid()).toBe(server.pids("dirty worker")[0]);
  expect(server.log()).toContain(`a debugger can connect to 127.0.0.1:${http}`);
});

test("an HTTP worker and a dirty worker that stand at a breakpoint are not replaced", async () => {
  const [http, dirty] = [await freePort(), await freePort()];
  const server = await start([], {
    args: [
      "main.mjs",
      `--inspect=${http}`,
      `--dirty-inspect=${dirty}`,
      "--dirty-app",
      "./app.mjs:App",
      ...QUICK,
    ],
    files: FILES,
    until: LISTENS,
  });
  const before = [...server.pids("http worker"), ...server.pids("dirty worker")];
  const dirtyDebugger = await Debugger.attach(dirty);
  await dirtyDebugger.pause();
  // Its run passes its time, and what kills a worker for that comes 1 s behind: the third call is far beyond.
  for (let call = 0; call < 4; call++)
    expect((await ask(server.target, "/")).body).toMatch(/^Dirty\w+Error$/);
  await dirtyDebugger.send("Debugger.resume");
  await eventually("the dirty worker answers again", async () => {
    const { body } = await ask(server.target, "/");
    return body === String(server.pids("dirty worker")[0]);
  });

  const httpDebugger = await Debugger.attach(http);
  await httpDebugger.pause();
  let answered = false;
  const answer = ask(server.target, "/pid").then(({ body }) => {
    answered = true;
    return body;
  });
  // Several times the timeout, by the arbiter's own clock, which looks twice a second.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(answered).toBe(false);
  await httpDebugger.send("Debugger.resume");
  expect(await answer).toBe(String(server.pids("http worker")[0]));
  expect([...server.pids("http worker"), ...server.pids("dirty worker")]).toEqual(before);
  expect(server.log()).not.toMatch(/is replaced|is killed/);
});

test("of several workers, and of those of a reload, each has the next free port", async () => {
  const port = await freePort();
  const server = await start([], {
    args: ["main.mjs", "-w", "2", `--inspect=${port}`],
    files: FILES,
    until: LISTENS,
  });
  const reached = await Promise.all([port, port + 1].map(async (at) => (await Debugger.attach(at)).pid()));
  expect(new Set(reached)).toEqual(new Set(server.pids("http worker")));
});

test("Node's own flag reaches the arbiter alone, and says which flag reaches workers", async () => {
  const port = await freePort();
  const env = { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` };
  const server = await start([], { args: ["main.mjs"], files: FILES, until: LISTENS, env });
  const client = await Debugger.attach(port);
  expect(await client.pid()).toBe(server.pid);
  // Node ends no process before its debugger leaves.
  client.close();
  expect(server.log()).toContain("tsunicorn --inspect reaches HTTP workers");
  expect(server.log()).not.toContain("address already in use");
});
