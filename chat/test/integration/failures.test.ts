import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { removeFolder, temporaryFolder } from "../../../server/test/integration/harness.ts";
import { SECRET } from "./fixtures/chat-app.ts";
import { eventsOf, open, post, type Reply } from "./http-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

// Here stands a chat-app.ts of the tests' own, in the place of the chat's.
const FIXTURES = fileURLToPath(new URL("./fixtures/", import.meta.url));

let chat: Chat;
let folder: string;
/** While there is this file, workers that start wait. */
let hold: string;

/** Has the tests of a block share one server. */
function serve(...args: string[]): void {
  beforeAll(async () => {
    folder = temporaryFolder();
    hold = join(folder, "hold");
    chat = await startChat({
      args: ["--chdir", FIXTURES, "--dirty-app", "./chat-app.ts:ChatApp", ...args],
      // The loader of TypeScript would keep its cache where a server must leave nothing.
      env: { TSX_DISABLE_CACHE: "1", HOLD: hold },
    });
  });
  afterAll(async () => {
    await chat.stop();
    removeFolder(folder);
  });
}

function ask(prompt: string, path = "/chat"): Promise<Reply> {
  return post(chat.url + path, { prompt });
}

/** Sends a prompt over a connection of its own, and gives the connection once the answer has begun. */
async function beginStream(prompt: string) {
  const socket = open(chat.url);
  socket.on("error", () => {});
  const body = JSON.stringify({ prompt });
  socket.write(
    `POST /chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await once(socket, "data");
  return socket;
}

function lastEvent(text: string) {
  return JSON.parse(eventsOf(text).at(-1) ?? "");
}

describe("an app that fails", () => {
  serve();

  it("before its first token is status 500, and its words stay in the log", async () => {
    for (const path of ["/chat", "/chat/sync"]) {
      const { status, text } = await ask("fail", path);
      expect(status).toBe(500);
      expect(JSON.parse(text)).toEqual({ detail: "The model failed to answer." });
    }
    expect((await ask("one fail", "/chat/sync")).status).toBe(500);
    await chat.logged(SECRET);
    expect((await ask("well")).status).toBe(200);
  });

  it("in mid-stream ends the stream with an error event and without [DONE]", async () => {
    const { status, text } = await ask("one two fail");
    expect(status).toBe(200);
    expect(text).toBe(
      'data: {"token": "one"}\n\ndata: {"token": "two"}\n\n' +
        'data: {"error":{"type":"app_error","message":"The model failed to answer."}}\n\n',
    );
    expect((await ask("well")).status).toBe(200);
  });

  it("and takes its process with it is an error at once, and readiness says so until there is a new one", async () => {
    writeFileSync(hold, "");
    const { status, text } = await ask("one die");
    expect(status).toBe(200);
    expect(lastEvent(text).error.type).toBe("worker_died");
    const readiness = async () => (await fetch(`${chat.url}/readyz`)).status;
    await expect.poll(readiness, { interval: 5, timeout: 50_000 }).toBe(503);
    rmSync(hold);
    await expect.poll(readiness, { interval: 50, timeout: 50_000 }).toBe(200);
    expect((await ask("die", "/chat/sync")).status).toBe(500);
    expect((await ask("well")).status).toBe(200);
  });

  it("or has nothing to say is a stream that ends well", async () => {
    expect((await ask("nothing")).text).toBe("data: [DONE]\n\n");
    expect((await ask("nothing", "/chat/sync")).text).toBe('{"response":""}');
  });
});

describe("an answer that takes too long", () => {
  serve("--dirty-timeout", "1");

  it("is status 504 before the first token, and an error event after it", async () => {
    const { status, text } = await ask("hang");
    expect(status).toBe(504);
    expect(JSON.parse(text)).toEqual({ detail: "The answer took too long." });
    expect((await ask("one hang", "/chat/sync")).status).toBe(504);
    expect((await ask("one hang")).text).toBe(
      'data: {"token": "one"}\n\n' +
        'data: {"error":{"type":"timeout","message":"The answer took too long."}}\n\n',
    );
    expect((await ask("well")).status).toBe(200);
  });
});

describe("when all slots are taken", () => {
  serve("--dirty-queue-size", "1", "--dirty-queue-timeout", "2");

  it("a request that finds the queue full is told 429 and when to try again", async () => {
    const running = await beginStream("one hang");
    const settled: Reply[] = [];
    const all = Promise.all(["a", "b", "c"].map(async (prompt) => settled.push(await ask(prompt))));
    // One of the three has the queue's only place.
    await expect.poll(() => settled.length, { interval: 10, timeout: 50_000 }).toBe(2);
    for (const { status, headers, text } of settled) {
      expect(status).toBe(429);
      expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      expect(JSON.parse(text)).toEqual({ detail: "Too many requests are waiting. Try again later." });
    }
    running.destroy();
    await all;
    expect(settled[2]?.status).toBe(200);
  });

  it("a request that waits for too long is told 503 and when to try again", async () => {
    const running = await beginStream("one hang");
    for (const path of ["/chat", "/chat/sync"]) {
      const { status, headers, text } = await ask("late", path);
      expect(status).toBe(503);
      expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      expect(JSON.parse(text)).toEqual({ detail: "The request waited for too long. Try again later." });
    }
    running.destroy();
  });
});

describe("a client that leaves", () => {
  serve();

  it.each([
    ["closes its connection", (socket: ReturnType<typeof open>) => socket.destroy()],
    ["half-closes its connection", (socket: ReturnType<typeof open>) => socket.end()],
  ])("frees its place when it %s", async (_name, leave) => {
    const socket = await beginStream("one hang");
    const next = ask("well");
    leave(socket);
    expect((await next).status).toBe(200);
    expect(chat.log()).not.toContain("request failed");
  });
});
