import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ChatError, streamChat } from "../src/chat-stream.ts";

let server: Server | undefined;

afterEach(async () => {
  const closing = server;
  server = undefined;
  closing?.closeAllConnections();
  await new Promise<void>((resolve) => (closing ? closing.close(() => resolve()) : resolve()));
});

/** Starts a server with this one route and returns its address. */
async function serve(listener: RequestListener): Promise<string> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/chat`;
}

/** Promise.withResolvers, which Node 20 does not have. */
function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

const QUESTION = { prompt: "hello", thinking: false };

async function answerOf(url: string, signal = new AbortController().signal): Promise<string[]> {
  const tokens: string[] = [];
  for await (const token of streamChat(url, QUESTION, signal)) tokens.push(token);
  return tokens;
}

async function errorOf(url: string): Promise<ChatError> {
  const error: unknown = await answerOf(url).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ChatError)) throw new Error(`expected a ChatError, got ${String(error)}`);
  return error;
}

describe("asking the server", () => {
  it("sends the question as JSON and yields the tokens", async () => {
    let body = "";
    const url = await serve((request, response) => {
      request.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      request.on("end", () => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end('data: {"token": "Hello"}\n\ndata: {"token": "!"}\n\ndata: [DONE]\n\n');
      });
    });
    expect(await answerOf(url)).toEqual(["Hello", "!"]);
    expect(JSON.parse(body)).toEqual(QUESTION);
  });

  it.each([
    [429, "Too many people are waiting for an answer right now.", 7],
    [503, "No worker is free to answer right now.", 2],
    [504, "The answer took too long and was stopped.", undefined],
    [418, "The server answered with status 418.", undefined],
  ])("says in words what status %i means, and when to try again", async (status, message, retryAfter) => {
    const url = await serve((_, response) => {
      response.writeHead(status, {
        "x-request-id": "r-1",
        ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
      });
      response.end("{}");
    });
    expect(await errorOf(url)).toMatchObject({ message, retryAfter, requestId: "r-1" });
  });

  it("passes on what the server did not like about the message", async () => {
    const url = await serve((_, response) => {
      response.writeHead(422, { "content-type": "application/json" });
      response.end('{"detail":[{"loc":["body","prompt"],"msg":"must not be empty","type":"too_small"}]}');
    });
    expect((await errorOf(url)).message).toBe("The server did not accept this message: must not be empty.");
  });

  it("reports an error that comes in the middle of an answer", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(
        'data: {"token": "a"}\n\ndata: {"error": {"type": "timeout", "message": "It took too long."}}\n\n',
      );
    });
    expect((await errorOf(url)).message).toBe("It took too long.");
  });

  it("does not take an answer without its end for a whole one", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end('data: {"token": "a"}\n\n');
    });
    expect((await errorOf(url)).message).toBe("The connection ended before the answer did.");
  });

  it("reports a connection that breaks in the middle of an answer", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('data: {"token": "a"}\n\n', () => response.destroy());
    });
    expect((await errorOf(url)).message).toBe("The connection ended before the answer did.");
  });

  it("reports a server that is not there", async () => {
    const url = await serve(() => undefined);
    const gone = server;
    server = undefined;
    await new Promise<void>((resolve) => gone?.close(() => resolve()));
    expect((await errorOf(url)).message).toBe("The server cannot be reached. Is it running?");
  });

  it("ends the request when it is aborted in the middle of an answer", async () => {
    const { promise: closed, resolve: onClose } = withResolvers();
    const url = await serve((request, response) => {
      request.socket.once("close", () => onClose());
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('data: {"token": "a"}\n\n');
    });
    const controller = new AbortController();
    const asking = (async () => {
      for await (const _ of streamChat(url, QUESTION, controller.signal)) controller.abort();
    })();
    await expect(asking).rejects.toMatchObject({ name: "AbortError" });
    await closed;
  });
});
