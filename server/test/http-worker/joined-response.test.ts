/**
 * JoinedResponse is compared with Node's own ServerResponse: whatever an app does with it, its client and the
 * app itself must see the same. Only the number of chunks and of system calls may differ.
 */
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { connect, Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { JoinedResponse } from "../../src/http-worker/joined-response.ts";

type Handler = (response: ServerResponse, log: unknown[], request: IncomingMessage) => unknown;

const KINDS = [ServerResponse, JoinedResponse];
const PATIENCE_MS = 50_000;
/** From 24 on Node itself holds the writes of a turn back, and sends them as one chunk. */
const NODE_JOINS = Number.parseInt(process.versions.node, 10) >= 24;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(kind: typeof ServerResponse, handler: Handler, log: unknown[]): Promise<number> {
  const server = createServer({ ServerResponse: kind }, (request, response) => {
    void (async () => {
      try {
        await handler(response, log, request);
      } catch (error) {
        log.push(code(error));
        response.destroy();
      }
    })();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

/** Sends one request by hand. @returns all bytes that came back, one character for each. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.setEncoding("latin1").on("data", (data: string) => {
    text += data;
  });
  socket.write(request);
  await new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
    socket.once("error", () => resolve());
  });
  return text;
}

function requestLine(method: string): string {
  return `${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
}

/** Takes an answer apart; what follows the last chunk is the trailers. */
function parse(answer: string): { head: string; body: string; chunks: number; trailers: string } {
  const at = answer.indexOf("\r\n\r\n");
  const head = answer.slice(0, at).replace(/\r\nDate: [^\r]*/, "");
  let rest = answer.slice(at + 4);
  if (!/^Transfer-Encoding: chunked$/m.test(head)) return { head, body: rest, chunks: 0, trailers: "" };
  let body = "";
  let chunks = 0;
  for (;;) {
    const size = /^([\da-f]+)\r\n/.exec(rest);
    if (size?.[1] === undefined) return { head, body, chunks, trailers: `cut: ${rest}` };
    const length = Number.parseInt(size[1], 16);
    rest = rest.slice(size[0].length);
    if (length === 0) return { head, body, chunks, trailers: rest };
    body += rest.slice(0, length);
    rest = rest.slice(length + 2);
    chunks++;
  }
}

async function run(kind: typeof ServerResponse, handler: Handler, method = "GET") {
  const log: unknown[] = [];
  const port = await listen(kind, handler, log);
  const { chunks, ...seen } = parse(await exchange(port, requestLine(method)));
  return { seen, chunks, log };
}

/** Names errors, so that two runs can be compared. */
const code = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : error === undefined ? "none" : String(error);

function throwing(log: unknown[], call: () => unknown): void {
  try {
    call();
    log.push("nothing was thrown");
  } catch (error) {
    log.push(code(error));
  }
}

const SCRIPTS: Record<string, Handler> = {
  "strings in one turn": (response) => {
    for (const word of ["one ", "two ", "three ", "four"]) response.write(word);
    response.end();
  },
  "strings in many turns": async (response) => {
    for (let i = 0; i < 20; i++) {
      response.write(`a${i} `);
      response.write(`b${i} `);
      await nextTurn();
    }
    response.end("end");
  },
  "strings and buffers in turns": async (response) => {
    for (let i = 0; i < 5; i++) {
      response.write("string ");
      response.write(Buffer.from("buffer "));
      response.write("string ");
      response.write(new Uint8Array([0x61, 0x20]));
      await nextTurn();
    }
    response.end(Buffer.from("end"));
  },
  "strings with an encoding": (response) => {
    response.write("a");
    response.write("b");
    response.write("63", "hex");
    response.write("d");
    response.write("ZQ==", "base64");
    response.write("\u00e9", "latin1");
    response.write("\u00e9");
    response.write("\u20ac", "utf8");
    response.end("21", "hex");
  },
  "callbacks come in their order": (response, log) => {
    response.write("a");
    response.write("b", () => log.push("b"));
    response.write("c");
    response.write("d", "utf8", () => log.push("d"));
    response.write("e");
    response.end("f", () => log.push("end"));
  },
  "only an end": (response) => response.end("all of it"),
  "an end with a callback alone": (response, log) => {
    response.write("a");
    response.write("b");
    response.end(() => log.push("end"));
  },
  "an end with an encoding and a callback": (response, log) => {
    response.write("a");
    response.write("b");
    response.end("63", "hex", () => log.push("end"));
  },
  "an empty end": (response) => response.end(),
  "a null end": (response) => {
    response.write("a");
    response.write("b");
    response.end(null);
  },
  "writeHead, then strings": (response) => {
    response.writeHead(201, { "x-test": "yes" });
    response.write("a");
    response.write("b");
    response.end("c");
  },
  "flushHeaders, then strings later": async (response) => {
    response.flushHeaders();
    await nextTurn();
    response.write("a");
    response.write("b");
    await nextTurn();
    response.end();
  },
  "a known length": (response) => {
    response.setHeader("content-length", 9);
    response.write("abc");
    response.write("def");
    response.write("g");
    response.end("hi");
  },
  "a known length of characters beyond ASCII": (response) => {
    response.setHeader("content-length", Buffer.byteLength("\u20ac\u00e9\ud83d\ude00x"));
    for (const character of ["\u20ac", "\u00e9", "\ud83d\ude00", "x"]) response.write(character);
    response.end();
  },
  "no body allowed (204)": (response, log) => {
    response.writeHead(204);
    response.write("a");
    response.write("b", () => log.push("b"));
    response.end("c");
  },
  "not modified (304)": (response) => {
    response.statusCode = 304;
    response.write("a");
    response.write("b");
    response.end();
  },
  trailers: (response) => {
    response.setHeader("trailer", "x-sum");
    response.write("a");
    response.write("b");
    response.addTrailers({ "x-sum": "2" });
    response.end();
  },
  "empty strings among others": (response) => {
    for (const text of ["", "a", "", "", "b", ""]) response.write(text);
    response.end("");
  },
  "a write after the end": async (response, log) => {
    response.on("error", (error) => log.push("error", code(error)));
    response.write("a");
    response.write("b");
    response.end("c");
    log.push(response.write("late"));
    response.write("later", (error) => log.push("callback", code(error)));
    await nextTurn();
  },
  "two ends": (response, log) => {
    response.write("a");
    response.write("b");
    response.end("c");
    response.end((error?: Error) => log.push("second", code(error)));
  },
  "values that cannot be written": (response, log) => {
    response.write("a");
    response.write("b");
    throwing(log, () => Reflect.apply(response.write, response, [5]));
    throwing(log, () => Reflect.apply(response.write, response, [null]));
    throwing(log, () => Reflect.apply(response.write, response, [undefined]));
    throwing(log, () => Reflect.apply(response.write, response, [{}]));
    response.end("c");
  },
  "a header after the first write": (response, log) => {
    response.write("a");
    throwing(log, () => response.setHeader("x-late", "1"));
    throwing(log, () => response.writeHead(500));
    response.write("b");
    response.end();
  },
  "cork and uncork": async (response) => {
    response.write("a");
    response.cork();
    response.write("b");
    response.write(Buffer.from("c"));
    response.write("d");
    response.uncork();
    response.write("e");
    await nextTurn();
    response.cork();
    response.write("f");
    response.end("g");
    response.uncork();
  },
  "a cork that lasts for turns": async (response) => {
    response.write("a");
    response.write("b");
    await nextTurn();
    response.write("c");
    await nextTurn();
    response.cork();
    response.write(Buffer.from("d"));
    response.write("e");
    await nextTurn();
    response.write("f");
    response.uncork();
    response.write("g");
    await nextTurn();
    response.end("h");
  },
  "a destroyed answer": async (response, log) => {
    response.on("error", (error) => log.push("error", code(error)));
    response.on("close", () => log.push("close"));
    response.write("a");
    response.write("b");
    await nextTurn();
    response.write("lost");
    response.destroy();
    response.write("after");
    response.write("after", (error) => log.push("callback", code(error)));
    await nextTurn();
    log.push(response.destroyed, response.writableEnded, response.headersSent);
  },
  "a pipe of strings": (response) => {
    Readable.from(["a", "b", "c".repeat(50_000), "d"]).pipe(response);
  },
  "a pipe of buffers": async (response, log) => {
    await pipeline(Readable.from(Array.from({ length: 40 }, (_, i) => Buffer.alloc(10_000, i))), response);
    log.push("piped");
  },
  "events of an answer's life": (response, log) => {
    for (const event of ["finish", "close", "pipe", "prefinish"]) response.on(event, () => log.push(event));
    response.write("a");
    response.write("b");
    log.push(response.headersSent, response.writableEnded, response.writableFinished);
    response.end();
    log.push(response.writableEnded);
  },
};

describe("as Node's own ServerResponse", () => {
  test.each(Object.entries(SCRIPTS))("%s", async (_name, script) => {
    const node = await run(ServerResponse, script);
    const joined = await run(JoinedResponse, script);
    expect(joined.seen).toEqual(node.seen);
    expect(joined.log).toEqual(node.log);
    if (!NODE_JOINS) expect(joined.chunks).toBeLessThanOrEqual(node.chunks);
  });

  test.each(Object.entries(SCRIPTS))("%s, as the answer to HEAD", async (_name, script) => {
    const node = await run(ServerResponse, script, "HEAD");
    const joined = await run(JoinedResponse, script, "HEAD");
    expect(joined.seen).toEqual(node.seen);
    expect(joined.log).toEqual(node.log);
  });

  test("any order of writes", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 20 });
    const plain = fc.oneof(
      text.map(
        (chunk): Handler =>
          (response) =>
            void response.write(chunk),
      ),
      text.map(
        (chunk): Handler =>
          (response) =>
            void response.write(Buffer.from(chunk)),
      ),
      text.map(
        (chunk): Handler =>
          (response) =>
            void response.write(chunk, "utf8"),
      ),
      text.map(
        (chunk): Handler =>
          (response, log) =>
            void response.write(chunk, () => log.push(chunk)),
      ),
      fc.constant<Handler>(() => nextTurn()),
      fc.constant<Handler>(() => Promise.resolve()),
    );
    // Always in pairs: what is still corked at the end, Node itself sends behind the end.
    const corked = fc.array(plain, { maxLength: 6 }).map(
      (steps): Handler =>
        async (response, log, request) => {
          response.cork();
          for (const one of steps) await one(response, log, request);
          response.uncork();
        },
    );
    const step = fc.oneof({ weight: 5, arbitrary: plain }, { weight: 1, arbitrary: corked });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const script: Handler = async (response, log, request) => {
          for (const one of steps) await one(response, log, request);
          response.end("end");
        };
        const node = await run(ServerResponse, script);
        const joined = await run(JoinedResponse, script);
        expect(joined.seen).toEqual(node.seen);
        expect(joined.log).toEqual(node.log);
      }),
      { numRuns: 100 },
    );
  });

  test("an answer whose client leaves in the middle", async () => {
    const script: Handler = async (response, log) => {
      response.on("error", (error) => log.push("error", code(error)));
      response.on("close", () => log.push("close"));
      response.write("first");
      const until = Date.now() + PATIENCE_MS;
      while (!response.destroyed && Date.now() < until) {
        response.write("more ");
        response.write("more ");
        await nextTurn();
      }
      response.write("after", (error) => log.push("callback", code(error)));
      response.end("after");
      await nextTurn();
      log.push(response.destroyed, response.writableEnded, response.writableFinished);
    };
    const logs = [];
    for (const kind of KINDS) {
      const log: unknown[] = [];
      const socket = connect(await listen(kind, script, log), "127.0.0.1");
      socket.write(requestLine("GET"));
      await new Promise((resolve) => socket.once("data", resolve));
      socket.destroy();
      await waitFor(() => log.length >= 5);
      logs.push(log);
    }
    expect(logs[1]).toEqual(logs[0]);
  });

  test("answers to pipelined requests, of which the later ones have no socket yet", async () => {
    let number = 0;
    const script: Handler = async (response) => {
      const mine = ++number;
      response.setHeader("x-number", mine);
      for (let i = 0; i < 3; i++) {
        response.write(`${mine}.${i} `);
        response.write("\u20ac ");
        if (mine === 1) await nextTurn();
      }
      response.end(mine === 3 ? "last" : "");
    };
    const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const answer = await exchange(
      await listen(JoinedResponse, script, []),
      request + request + requestLine("GET"),
    );
    const bodies = answer.split(/(?=HTTP\/1\.1 200 OK)/).map((one) => parse(one).body);
    const euro = Buffer.from("\u20ac").toString("latin1");
    expect(bodies).toEqual(
      [1, 2, 3].map((n) => `${n}.0 ${euro} ${n}.1 ${euro} ${n}.2 ${euro} ${n === 3 ? "last" : ""}`),
    );
  });
});

/** What an app does in the turn of its second write, and what the client then has behind the first. */
const WITH_THE_SOCKET: Record<string, [script: Handler, expected: string]> = {
  "ends the socket": [({ socket }) => void socket?.end(), "b"],
  "ends the request's socket": [(_response, _log, { socket }) => void socket.end(), "b"],
  "has the socket closed once all is written": [({ socket }) => socket?.destroySoon(), "b"],
  "ends the socket with bytes of its own": [({ socket }) => void socket?.end("0\r\n\r\n"), "b\r\n"],
  "ends the socket in a microtask": [
    async ({ socket }) => {
      await null;
      socket?.end();
    },
    "b",
  ],
  "ends the socket between cork and uncork": [
    (response) => {
      response.cork();
      response.write("c");
      response.uncork();
      response.socket?.end();
    },
    "bc",
  ],
  "writes a chunk to the socket": [
    (response) => {
      response.socket?.write("1\r\nc\r\n");
      response.write("d");
      response.end("e");
    },
    "bcde\r\n",
  ],
  "takes the socket away and ends it": [
    (response) => {
      const { socket } = response;
      if (socket === null) return;
      response.detachSocket(socket);
      socket.end();
    },
    "b",
  ],
  "sends an interim response": [
    (response) => {
      response.writeContinue();
      response.end();
    },
    "bcut: HTTP/1.1 100 Continue\r\n\r\n0\r\n\r\n",
  ],
  "flushes the headers once more": [
    (response) => {
      response.flushHeaders();
      response.socket?.end();
    },
    "b",
  ],
};

describe("an app that writes to its response, and in the same turn", () => {
  test.each(Object.entries(WITH_THE_SOCKET))("%s", async (_name, [script, expected]) => {
    const whole: Handler = async (response, log, request) => {
      response.write("a");
      await nextTurn();
      response.write("b");
      await script(response, log, request);
    };
    const { seen } = await run(JoinedResponse, whole);
    expect(seen).toEqual((await run(ServerResponse, whole)).seen);
    // From 24 on Node itself loses what an app has written, or sends it behind what it wrote later.
    if (!NODE_JOINS) expect(seen.body + seen.trailers.replace(/^cut: $/, "")).toBe(`a${expected}`);
  });

  test.each<[string, Handler]>([
    ["destroys the response", (response) => void response.destroy()],
    ["destroys the socket", ({ socket }) => void socket?.destroy()],
    ["resets the connection", ({ socket }) => void socket?.resetAndDestroy()],
    [
      "pipes a stream that fails",
      (response) => {
        const source = new Readable({
          read() {
            this.push("c");
            this.destroy(new Error("it failed"));
          },
        });
        return pipeline(source, response);
      },
    ],
    ["fails", () => Promise.reject(new Error("it failed"))],
  ])("%s: its client has no less than from Node", async (_name, script) => {
    const whole: Handler = async (response, log, request) => {
      response.write("a");
      await nextTurn();
      response.write("b");
      await script(response, log, request);
    };
    const joined = await run(JoinedResponse, whole);
    const node = await run(ServerResponse, whole);
    expect(joined.seen.body.startsWith(node.seen.body), joined.seen.body).toBe(true);
    expect(joined.log).toEqual(node.log);
  });

  test("looks at the socket: it is Node's to the app", async () => {
    const { log } = await run(JoinedResponse, (response, log) => {
      const { socket } = response;
      log.push(socket instanceof Socket, socket?.constructor === Socket, Object.keys(socket ?? {}).length);
      response.end();
    });
    const { log: node } = await run(ServerResponse, ({ socket }, log) => {
      log.push(true, true, Object.keys(socket ?? {}).length);
      socket?.destroy();
    });
    expect(log).toEqual(node);
  });
});

describe("joining", () => {
  /** Counts what reaches the kernel. */
  function spyOn(socket: Socket | null): { calls: number } {
    const spy = { calls: 0 };
    const handle: unknown = socket === null ? undefined : Reflect.get(socket, "_handle");
    if (typeof handle !== "object" || handle === null) throw new Error("the socket has no handle");
    for (const name of [
      "writev",
      "writeBuffer",
      "writeUtf8String",
      "writeLatin1String",
      "writeAsciiString",
    ]) {
      const write: unknown = Reflect.get(handle, name);
      if (typeof write !== "function") continue;
      Reflect.set(handle, name, function (this: unknown, ...args: unknown[]) {
        spy.calls++;
        return Reflect.apply(write, this, args);
      });
    }
    return spy;
  }

  test("a hundred tokens of one turn leave as one chunk in one system call", async () => {
    const counts: number[] = [];
    const { seen, chunks } = await run(JoinedResponse, async (response) => {
      response.write("first ");
      await nextTurn();
      const spy = spyOn(response.socket);
      for (let turn = 0; turn < 3; turn++) {
        for (let i = 0; i < 100; i++) response.write("token ");
        await nextTurn();
        counts.push(spy.calls);
      }
      response.end();
    });
    expect(counts).toEqual([1, 2, 3]);
    expect(chunks).toBe(4);
    expect(seen.body).toBe(`first ${"token ".repeat(300)}`);
  });

  test("many answers that are written in one turn each get their own", async () => {
    const open: ServerResponse[] = [];
    const handler: Handler = async (response) => {
      if (open.push(response) < 5) return;
      for (let turn = 0; turn < 3; turn++) {
        for (const [number, one] of open.entries()) one.write(`${number}:${turn} `);
        for (const one of open) one.write("and ");
        await nextTurn();
      }
      // One that has left takes nothing from those behind it.
      open[1]?.write("lost");
      open[1]?.destroy();
      for (const one of open) if (!one.destroyed) one.write("last");
      await nextTurn();
      for (const one of open) one.end();
    };
    const port = await listen(JoinedResponse, handler, []);
    const answers = await Promise.all(Array.from({ length: 5 }, () => exchange(port, requestLine("GET"))));
    const bodies = answers.map((answer) => parse(answer).body).sort();
    expect(bodies).toEqual(
      [0, 1, 2, 3, 4].map((n) => `${n}:0 and ${n}:1 and ${n}:2 and ${n === 1 ? "" : "last"}`),
    );
  });

  test("the first write is given to the socket at once", async () => {
    const { log } = await run(JoinedResponse, (response, log) => {
      response.write("first");
      log.push((response.socket?.writableLength ?? 0) > 0);
      response.end();
    });
    expect(log).toEqual([!NODE_JOINS]);
  });

  test("what was written leaves in the same turn, before any timer and any I/O", async () => {
    const { log } = await run(JoinedResponse, async (response, log) => {
      response.write("first");
      await nextTurn();
      const spy = spyOn(response.socket);
      response.write("second");
      const turnIsOver = nextTurn();
      await Promise.resolve();
      process.nextTick(() => process.nextTick(() => log.push(spy.calls)));
      await turnIsOver;
      response.end();
    });
    expect(log).toEqual([1]);
  });
});

async function waitFor(condition: () => boolean): Promise<void> {
  const until = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > until) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("a writer that waits for drain whenever it is told to", () => {
  const TOTAL = 3_000_000;

  /** Writes TOTAL characters. @returns how often it was told to wait. */
  async function writeAll(response: ServerResponse, next: (at: number) => string | Buffer): Promise<number> {
    let waits = 0;
    for (let sent = 0; sent < TOTAL; ) {
      const chunk = next(sent);
      sent += chunk.length;
      if (response.write(chunk)) continue;
      waits++;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no drain after ${sent} characters`)), PATIENCE_MS);
        response.once("drain", () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return waits;
  }

  const WRITERS: Record<string, (at: number) => string | Buffer> = {
    tokens: () => "token ",
    "strings just below the high-water mark": () => "x".repeat(16_383),
    "strings at the high-water mark": () => "x".repeat(16_384),
    "large strings": () => "x".repeat(300_000),
    "characters of three bytes": () => "\u20ac".repeat(6000),
    "strings and buffers": (at) => (at % 2 === 0 ? "x".repeat(5001) : Buffer.alloc(5000, "y")),
  };

  test.each(Object.entries(WRITERS))(
    "%s: is always called back, also with a slow reader",
    async (_name, next) => {
      const log: unknown[] = [];
      const port = await listen(
        JoinedResponse,
        async (response, log) => {
          const waits = await writeAll(response, next);
          response.end("end");
          log.push(waits);
        },
        log,
      );
      const socket = connect(port, "127.0.0.1");
      socket.write(requestLine("GET"));
      let body = "";
      socket.setEncoding("latin1");
      // The reader stops after each piece for a moment, so that the writer really has to wait.
      socket.on("data", (data: string) => {
        body += data;
        socket.pause();
        setTimeout(() => socket.resume(), 1);
      });
      await new Promise((resolve) => socket.once("close", resolve));
      expect(log).toHaveLength(1);
      expect(log[0]).toBeGreaterThan(0);
      const { body: text, trailers } = parse(body);
      expect(trailers).toBe("\r\n");
      expect(text).toMatch(/end$/);
      expect(text.length).toBeGreaterThanOrEqual(TOTAL);
    },
  );

  test.each(["HEAD", "GET"])(
    "of an answer to %s with a known length, in one turn as well",
    async (method) => {
      const { log, seen } = await run(
        JoinedResponse,
        async (response, log) => {
          response.setHeader("content-length", TOTAL);
          response.flushHeaders();
          log.push((await writeAll(response, () => "x".repeat(30_000))) > 0);
          response.end();
        },
        method,
      );
      // Node waits for nothing where it sends no body.
      expect(log).toEqual([method === "GET"]);
      expect(seen.body.length).toBe(method === "GET" ? TOTAL : 0);
    },
  );

  test("of an answer that waits for its turn behind a pipelined request", async () => {
    let number = 0;
    const log: unknown[] = [];
    const port = await listen(
      JoinedResponse,
      async (response, log) => {
        if (++number === 1) {
          setTimeout(() => response.end("one"), 50);
          return;
        }
        response.write("two");
        log.push((await writeAll(response, () => "x".repeat(1000))) > 0);
        response.end();
      },
      log,
    );
    const answer = await exchange(port, `GET / HTTP/1.1\r\nHost: x\r\n\r\n${requestLine("GET")}`);
    expect(log).toEqual([true]);
    expect(parse(answer.slice(answer.lastIndexOf("HTTP/1.1 200"))).body.length).toBe(TOTAL + 3);
  });

  test("is told to wait before the joined text is larger than what Node would hold", async () => {
    const { log } = await run(JoinedResponse, async (response, log) => {
      response.write("first");
      await nextTurn();
      let written = 0;
      while (response.write("x".repeat(100))) written += 100;
      log.push(written < response.writableHighWaterMark);
      response.end();
    });
    expect(log).toEqual([true]);
  });

  test("is not called back after the end: a late writer would write into a finished answer", async () => {
    for (const kind of KINDS) {
      const { log } = await run(
        kind,
        async (response, log) => {
          response.on("drain", () => log.push("drain"));
          response.writeHead(200);
          response.write("x".repeat(20_000));
          response.end();
          await nextTurn();
        },
        "HEAD",
      );
      expect(log).toEqual([]);
    }
  });
});
