/**
 * Work stops when its client leaves: wherever the request stands, however the client leaves, and on either route.
 *
 * Times are of the machine's monotonic clock, which the model and this test share, so that nothing of how the test
 * looks at them counts.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { eventually, removeFolder, temporaryFolder } from "../../../server/test/integration/harness.ts";
import { expectWithin } from "../../../server/test/promised-time.ts";
import { open, post } from "./http-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

const WITHIN_MS = 100;

/** A model that writes down when its work begins and ends. It loads for as long as there is a file `hold`. */
const MODEL = `
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";

export class ChatApp extends DirtyApp {
  static concurrency = 1;
  #note(what, id = "") {
    const at = Number(process.hrtime.bigint()) / 1e6;
    appendFileSync("notes.log", JSON.stringify({ at, what, id, pid: process.pid }) + "\\n");
  }
  async init() {
    this.#note("loads");
    while (existsSync("hold")) await sleep(5);
  }
  async *generate(prompt) {
    const { id, signal } = this.request;
    this.#note("began", id);
    try {
      if (prompt === "think") await sleep(60_000, undefined, { signal });
      while (prompt === "flood") yield "x".repeat(16_384);
      for (let n = 0; prompt === "talk"; n++) {
        yield n + " ";
        await sleep(10, undefined, { signal });
        if (n === 2) this.#note("talks", id);
      }
      yield "well";
    } finally { this.#note("ended", id); }
  }
}
`;

interface Note {
  readonly at: number;
  readonly what: "loads" | "began" | "talks" | "ended";
  readonly id: string;
  readonly pid: number;
}

const PATHS = ["/chat", "/chat/sync"] as const;
const LEAVES: Record<string, (socket: Socket) => void> = {
  "closes its connection": (socket) => socket.destroy(),
  "half-closes its connection": (socket) => socket.end(),
  "resets its connection": (socket) => socket.resetAndDestroy(),
};
const CELLS = PATHS.flatMap((path) => Object.entries(LEAVES).map(([how, leave]) => ({ path, how, leave })));

let chat: Chat;
let folder: string;
let lastId = 0;

/** Has the tests of a block share one server. */
function serve(...args: string[]): void {
  beforeAll(async () => {
    folder = temporaryFolder({ "chat-app.mjs": MODEL });
    chat = await startChat({ args: ["--chdir", folder, "--dirty-app", "./chat-app.mjs:ChatApp", ...args] });
  });
  afterAll(async () => {
    await chat.stop();
    removeFolder(folder);
  });
}

function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Sends a prompt over a connection of its own, and takes nothing of the answer. */
async function send(path: string, prompt: string): Promise<{ id: string; socket: Socket }> {
  const id = `end-${++lastId}`;
  const socket = open(chat.url).on("error", () => {});
  const body = JSON.stringify({ prompt });
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: ${id}\r\ncontent-type: application/json`;
  await new Promise<void>((resolve) =>
    socket.write(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`, () => resolve()),
  );
  return { id, socket };
}

/** All that came before, by whatever connection, has been read by the HTTP worker and passed on. */
async function handled(): Promise<void> {
  for (let round = 0; round < 3; round++) expect((await fetch(`${chat.url}/health`)).status).toBe(200);
}

function notes(id: string): Note[] {
  const file = join(folder, "notes.log");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Note => JSON.parse(line))
    .filter((note) => note.id === id);
}

function noted(id: string, what: Note["what"]): Promise<Note> {
  return eventually(`${id} ${what}`, () => notes(id).find((note) => note.what === what));
}

/** The model, which runs one request at a time, answers the next one. */
async function answersNext(): Promise<void> {
  expect(await post(`${chat.url}/chat/sync`, { prompt: "hello" })).toMatchObject({
    status: 200,
    text: '{"response":"well"}',
  });
}

/** Lets clients leave one after the other, and looks at how long each one's work went on. */
function expectToStop(
  context: TestContext,
  tries: number,
  once: () => Promise<{ id: string; leftAt: number }>,
): Promise<void> {
  const stop = async (): Promise<number> => {
    const { id, leftAt } = await once();
    const took = (await noted(id, "ended")).at - leftAt;
    await answersNext();
    return took;
  };
  return expectWithin(context, WITHIN_MS, stop, tries);
}

describe("a client of a request that waits in the queue", () => {
  serve("--dirty-queue-size", "1");

  it.for(CELLS)(
    "$path and $how: it is never answered, and its place is free within 100 ms",
    async ({ path, leave }, context) => {
      const stop = async (): Promise<number> => {
        const running = await send("/chat", "think");
        await noted(running.id, "began");
        const waiting = await send(path, "think");
        await handled();
        expect((await post(`${chat.url}${path}`, { prompt: "hello" })).status).toBe(429);
        const leftAt = now();
        leave(waiting.socket);
        await eventually("100 ms have passed", () => now() - leftAt >= WITHIN_MS);
        // It takes the queue's only place.
        const next = post(`${chat.url}${path}`, { prompt: "hello" });
        await handled();
        running.socket.destroy();
        const { status } = await next;
        expect([200, 429]).toContain(status);
        expect(notes(waiting.id)).toEqual([]);
        // Where it was free after 100 ms, it was free in less; how much less cannot be seen.
        return status === 200 ? 0 : Number.POSITIVE_INFINITY;
      };
      await expectWithin(context, WITHIN_MS, stop, 3);
    },
  );
});

describe("a client of a request", () => {
  serve("--stall-timeout", "1");

  it("that waits for a worker which is still loading: it is never answered, and holds up no other request", async () => {
    writeFileSync(join(folder, "hold"), "");
    const [worker = 0] = chat.pids("dirty worker");
    process.kill(worker, "SIGKILL");
    await eventually("the next one loads", () => notes("").some(({ pid }) => pid !== worker));
    const left: string[] = [];
    for (const { path, leave } of CELLS) {
      const { id, socket } = await send(path, "think");
      await handled();
      leave(socket);
      left.push(id);
    }
    await handled();
    const next = post(`${chat.url}/chat/sync`, { prompt: "hello" });
    rmSync(join(folder, "hold"));
    expect((await next).status).toBe(200);
    await answersNext();
    expect(left.flatMap((id) => notes(id))).toEqual([]);
  });

  describe("that is on its way to a worker which stands still", () => {
    it.for(CELLS)(
      "$path and $how: it ends within 100 ms of the worker's going on",
      async ({ path, leave }, context) => {
        const [worker = 0] = chat.pids("dirty worker");
        await expectToStop(context, 3, async () => {
          // It was too late where the worker was silent for too long to be given the request, or its last one's place
          // was not known to be free: then nothing ever runs, and nothing is measured.
          return eventually("a request is on its way", async () => {
            process.kill(worker, "SIGSTOP");
            const { id, socket } = await send(path, "think");
            await handled();
            leave(socket);
            await handled();
            expect(notes(id)).toEqual([]);
            process.kill(worker, "SIGCONT");
            const leftAt = now();
            await answersNext();
            return notes(id).length > 0 ? { id, leftAt } : undefined;
          });
        });
      },
    );
  });

  describe.each([
    ["before the first token", "think", "began"],
    ["in mid-answer", "talk", "talks"],
  ] as const)("%s", (_when, prompt, until) => {
    it.for(CELLS)("$path and $how: the work ends within 100 ms", async ({ path, leave }, context) => {
      await expectToStop(context, 5, async () => {
        const { id, socket } = await send(path, prompt);
        await noted(id, until);
        const leftAt = now();
        leave(socket);
        return { id, leftAt };
      });
    });
  });

  it("that takes nothing of its answer is cut after stallTimeout, and the log says so once", async () => {
    const { id } = await send("/chat", "flood");
    const { at: began } = await noted(id, "began");
    const { at: ended } = await noted(id, "ended");
    expect(ended - began).toBeGreaterThanOrEqual(990);
    await answersNext();
    const lines = await eventually("the log says so", () => {
      const found = chat
        .log()
        .split("\n")
        .filter((line) => line.includes('"reason":"stalled"'));
      return found.length > 0 ? found : undefined;
    });
    expect(lines.map((line) => JSON.parse(line).requestId)).toEqual([id]);
  });

  it("that left was never logged as a failure", () => {
    expect(chat.log()).not.toContain("request failed");
  });
});
