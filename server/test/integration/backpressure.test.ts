/** A reader that stops reading stops its own generator and no other, and nothing grows meanwhile. */
import { readFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./harness.ts";
import { JobServer } from "./jobs-app.ts";

const SIZE = 1000;
/** Chunks of a whole stream: 50 MB. */
const TOTAL = 50_000;
/** What may be on its way at most: the window, two sockets with the kernel's buffers, and the HTTP side's own. */
const ON_THEIR_WAY = 15_000;

let server: JobServer;

beforeAll(async () => {
  server = await JobServer.start(["Many"]);
});

afterAll(async () => {
  await server.stop();
});

/** An answer that is read when a test says so. */
class SlowReader {
  readonly id: string;
  text = "";
  over = false;
  private readonly message: IncomingMessage;

  private constructor(id: string, message: IncomingMessage) {
    this.id = id;
    this.message = message;
    message.on("error", () => {});
    message.on("close", () => {
      this.over = true;
    });
  }

  /** Begins a stream, and reads nothing of it. */
  static async open(action: string, chunks = TOTAL, kind = "stream"): Promise<SlowReader> {
    const id = server.newId();
    const options = server.request({ app: "Many", action, args: [chunks, SIZE], kind, id });
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      const { method, headers } = options;
      const outgoing = request(
        { ...server.target, host: "127.0.0.1", method, headers, agent: new Agent() },
        resolve,
      );
      outgoing.once("error", reject);
      outgoing.end(options.body);
    });
    return new SlowReader(id, message);
  }

  /** Reads on, to the end. */
  async readAll(): Promise<void> {
    this.message.setEncoding("latin1").on("data", (text: string) => {
      this.text += text;
    });
    await eventually("the whole stream is read", () => this.over, 60_000);
  }

  leave(): void {
    this.message.destroy();
  }

  /** How many chunks its generator has yielded. */
  async yielded(): Promise<number> {
    return Number((await server.call({ app: "Many", action: "yielded", args: [this.id] })).result);
  }

  /** Waits until its generator stands. @returns how many chunks it has yielded. */
  async stands(): Promise<number> {
    let last = -1;
    let since = Date.now();
    return eventually("the generator stands", async () => {
      const now = await this.yielded();
      if (now !== last) {
        last = now;
        since = Date.now();
      }
      return now > 0 && Date.now() - since > 400 ? now : undefined;
    });
  }
}

/** Checks every byte of a stream. */
function expectWhole(text: string, chunks: number): void {
  const lines = text.trimEnd().split("\n");
  expect(JSON.parse(lines.pop() ?? "")).toMatchObject({ ended: true });
  expect(lines).toHaveLength(chunks);
  const wrong = lines.findIndex((line, n) => line !== JSON.stringify(String(n).padStart(SIZE, ".")));
  expect(wrong).toBe(-1);
}

/** MB that a process really uses. */
function resident(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}

describe.each([
  ["flood", "stream"],
  ["floodLater", "stream"],
  ["flood", "batches"],
])("a reader that stops (%s by %s)", (action, kind) => {
  test("stops its generator, and gets every byte when it reads on", async () => {
    const reader = await SlowReader.open(action, TOTAL, kind);
    const stood = await reader.stands();
    expect(stood).toBeLessThan(ON_THEIR_WAY);
    await reader.readAll();
    expectWhole(reader.text, TOTAL);
    expect(await reader.yielded()).toBe(TOTAL);
  });
});

describe("a reader that stops", () => {
  test("does not slow down others on the same connection", async () => {
    const stopped = await SlowReader.open("flood");
    await stopped.stands();
    const other = await SlowReader.open("flood", 5000);
    await other.readAll();
    expectWhole(other.text, 5000);
    const paced = await server.stream({ app: "Many", action: "ticks", args: [50, 10] });
    expect(await paced.over()).toMatchObject({ ended: true });
    expect(stopped.over).toBe(false);
    stopped.leave();
  });

  test("costs no memory that grows with its stream", async () => {
    const [http = 0] = server.running.pids("http worker");
    const [dirty = 0] = server.running.pids("dirty worker");
    const before = resident(http) + resident(dirty);
    const readers = await Promise.all(Array.from({ length: 10 }, () => SlowReader.open("flood")));
    for (const reader of readers) await reader.stands();
    // Ten streams of 50 MB, of which a few hundred KB each may be held.
    expect(resident(http) + resident(dirty) - before).toBeLessThan(80);
    for (const reader of readers) reader.leave();
    for (const { id } of readers) await server.noted(id, "settled");
  });
});
