/** What apps and their middleware do with a response: each answer is the one that they would send on Node's own. */
import { createServer, get, type RequestListener, type Server, ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import express from "express";
import { afterEach, describe, expect, test } from "vitest";
import { JoinedResponse, joinWritesOf } from "../../src/http-worker/joined-response.ts";
import { assignRequestId } from "../../src/http-worker/request-id.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Seen {
  readonly status: string;
  /** Each header line but the date and the request's id, sorted. */
  readonly headers: string[];
  readonly body: string;
}

async function listen(kind: typeof ServerResponse, listener: RequestListener): Promise<number> {
  const server = createServer({ ServerResponse: kind }, (request, response) => {
    if (kind === JoinedResponse) assignRequestId(request, response);
    void listener(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function ask(kind: typeof ServerResponse, listener: RequestListener, path = "/"): Promise<Seen> {
  const port = await listen(kind, listener);
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  let text = "";
  for await (const piece of socket) text += piece;
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const [status = "", ...headers] = head.split("\r\n");
  const chunked = headers.some((line) => /^transfer-encoding: chunked$/i.test(line));
  const body = rest.join("\r\n\r\n");
  return {
    status,
    headers: headers.filter((line) => !/^(date|x-request-id):/i.test(line)).sort(),
    body: chunked ? body.replace(/[\da-f]+\r\n([\s\S]*?)\r\n/g, "$1") : body,
  };
}

/** The answer of ours, once it is found to be the one of Node's own. */
async function answerOf(listener: () => RequestListener, path?: string): Promise<Seen> {
  const node = await ask(ServerResponse, listener(), path);
  const ours = await ask(JoinedResponse, listener(), path);
  expect(ours).toEqual(node);
  return ours;
}

/** Names of an object's own properties and of all that it inherits. */
function namesOf(object: object): string[] {
  const names: string[] = [];
  for (let at: unknown = object; at !== null; at = Object.getPrototypeOf(at))
    names.push(...Object.getOwnPropertyNames(at));
  return [...new Set(names)].sort();
}

async function writes(response: ServerResponse): Promise<void> {
  for (const part of ["a", "b", "c"]) response.write(part);
  await nextTurn();
  for (const part of ["d", "e", "f"]) response.write(part);
  await nextTurn();
  response.end("g");
}

describe("middleware", () => {
  test("finds no name on a response that Node's own has not", async () => {
    const seen: { own: string[]; all: string[]; keys: string[]; kind: string }[] = [];
    for (const kind of [ServerResponse, JoinedResponse]) {
      await ask(kind, (_, response) => {
        response.write("a");
        response.write("b");
        const own = Object.getOwnPropertyNames(response).sort();
        const { name } = response.constructor;
        seen.push({ own, all: namesOf(response), keys: Object.keys(response).sort(), kind: name });
        response.end();
      });
    }
    expect(seen[1]).toEqual(seen[0]);
  });

  // As the package compression does: its flush hands on what it compressed, and does nothing where it did not.
  test("that gives a response a flush of its own takes nothing from the answer", async () => {
    const { body } = await answerOf(() => (_, response) => {
      Reflect.set(response, "flush", () => {});
      void writes(response);
    });
    expect(body).toBe("abcdefg");
  });

  test("may put any method onto a response", async () => {
    const { body } = await answerOf(() => (_, response) => {
      const names = [
        ...namesOf(JoinedResponse.prototype),
        "held",
        "begun",
        "canFrame",
        "sendFramed",
        "flush",
      ];
      for (const name of names) if (!(name in ServerResponse.prototype)) Reflect.set(response, name, () => 1);
      void writes(response);
    });
    expect(body).toBe("abcdefg");
  });

  test("that wraps write and end sees each call, with what the app gave", async () => {
    const seen: unknown[][] = [];
    const { body } = await answerOf(() => (_, response) => {
      const { write, end } = response;
      Reflect.set(response, "write", (...args: unknown[]) => {
        seen.push(args);
        return Reflect.apply(write, response, [`<${args[0]}>`]);
      });
      Reflect.set(response, "end", (...args: unknown[]) => Reflect.apply(end, response, args));
      void writes(response);
    });
    expect(body).toBe("<a><b><c><d><e><f>g");
    expect(seen.slice(6)).toEqual(["a", "b", "c", "d", "e", "f"].map((part) => [part]));
  });

  test("that replaced the methods of Node's prototype sees all that is written", async () => {
    const { write } = ServerResponse.prototype;
    let seen = "";
    Reflect.set(ServerResponse.prototype, "write", function (this: ServerResponse, ...args: unknown[]) {
      seen += args[0];
      return Reflect.apply(write, this, args);
    });
    try {
      const { body } = await ask(JoinedResponse, (_, response) => void writes(response));
      expect(body).toBe("abcdefg");
      expect(seen).toBe("abcdef");
    } finally {
      Reflect.deleteProperty(ServerResponse.prototype, "write");
    }
    expect(ServerResponse.prototype.write).toBe(write);
  });

  test("that reads how much waits to be written counts what was written in this turn", async () => {
    const lengths: number[] = [];
    await ask(JoinedResponse, (_, response) => {
      response.write("first");
      const before = response.writableLength;
      response.write("x".repeat(1000));
      lengths.push(response.writableLength - before);
      while (response.write("x".repeat(1000)));
      expect(response.writableNeedDrain).toBe(true);
      response.end();
    });
    expect(lengths).toEqual([1000]);
  });

  test("gets the error of a text that is longer than its length says where the app wrote it", async () => {
    const seen: unknown[] = [];
    await answerOf(() => (_, response) => {
      response.strictContentLength = true;
      response.setHeader("content-length", 3);
      response.write("a");
      try {
        response.write("bcd");
      } catch (error) {
        seen.push(error instanceof Error && "code" in error ? error.code : error);
      }
      response.end("bc");
    });
    expect(seen).toEqual(["ERR_HTTP_CONTENT_LENGTH_MISMATCH", "ERR_HTTP_CONTENT_LENGTH_MISMATCH"]);
  });
});

describe("headers that are repeated", () => {
  const PAIRS: [string, string][] = [
    ["Set-Cookie", "a=1"],
    ["Link", "<a>"],
    ["set-cookie", "b=2"],
    ["Link", "<b>"],
    ["Vary", "accept"],
    ["X-One", "1"],
  ];
  const ALL = ["Link: <a>", "Link: <b>", "Vary: accept", "X-One: 1"];
  const cookiesOf = ({ headers }: Seen) =>
    headers.filter((line) => /^set-cookie:/i.test(line)).map((line) => line.slice(12));

  test.each<[string, (response: ServerResponse) => void]>([
    ["a flat list", (response) => response.writeHead(200, PAIRS.flat())],
    ["a flat list behind a reason", (response) => response.writeHead(200, "Fine", PAIRS.flat())],
    [
      "a list of pairs",
      (response) => Reflect.apply(response.writeHead, response, [200, PAIRS]) as ServerResponse,
    ],
    [
      "a flat list with lists in it",
      (response) =>
        response.writeHead(200, [
          ...["Set-Cookie", ["a=1", "b=2"], "Link", ["<a>", "<b>"]],
          ...["Vary", "accept", "X-One", 1],
        ]),
    ],
    [
      "an object",
      (response) =>
        response.writeHead(200, {
          "Set-Cookie": ["a=1", "b=2"],
          Link: ["<a>", "<b>"],
          Vary: "accept",
          "X-One": 1,
        }),
    ],
    [
      "headers that were set and appended",
      (response) => {
        for (const [name, value] of PAIRS) response.appendHeader(name, value);
        response.writeHead(200);
      },
    ],
    [
      "a flat list, with other headers set before",
      (response) => {
        response.setHeader("Vary", "accept");
        response.writeHead(200, PAIRS.filter(([name]) => name !== "Vary").flat());
      },
    ],
  ])("all arrive: %s", async (_name, head) => {
    const seen = await ask(JoinedResponse, (_, response) => {
      head(response);
      response.end("body");
    });
    expect(seen.status).toMatch(/^HTTP\/1\.1 200 (OK|Fine)$/);
    expect(cookiesOf(seen)).toEqual(["a=1", "b=2"]);
    expect(seen.headers).toEqual(expect.arrayContaining(ALL));
    expect(seen.body).toBe("body");
  });

  test("a list says the X-Request-Id itself: it comes once, as the app has it", async () => {
    const ids: unknown[] = [];
    for (const headers of [["X-Request-ID", "mine"], { "X-Request-ID": "mine" }]) {
      const port = await listen(JoinedResponse, (_, response) => response.writeHead(200, headers).end());
      await new Promise<void>((resolve) => {
        get({ port, host: "127.0.0.1" }, (message) => {
          ids.push(message.headersDistinct["x-request-id"]);
          message.resume().once("end", resolve);
        });
      });
    }
    expect(ids).toEqual([["mine"], ["mine"]]);
  });

  test.each<[string, unknown[]]>([
    ["a name without a value", ["a", "1", "b"]],
    ["a value that is undefined", ["a", undefined]],
    ["a name with a space", ["a b", "1"]],
    ["a value with a line break", ["a", "1\r\nb: 2"]],
  ])("a list that Node refuses is refused: %s", async (_name, headers) => {
    const codes: unknown[] = [];
    await ask(JoinedResponse, (_, response) => {
      try {
        Reflect.apply(response.writeHead, response, [200, headers]);
      } catch (error) {
        codes.push(error instanceof Error && "code" in error ? error.code : error);
      }
      response.writeHead(500).end();
    });
    expect(codes).toEqual([expect.stringMatching(/^ERR_(INVALID|HTTP_INVALID)/)]);
  });
});

describe("Express", () => {
  function exported(): express.Express {
    const app = express();
    app.get("/", (_, response) => void writes(response));
    app.get("/sent", (_, response) => void response.send("sent"));
    const mounted = express();
    mounted.get("/", (_, response) => void writes(response));
    app.use("/mounted", mounted);
    const router = express.Router();
    router.get("/", (_, response) => void writes(response));
    app.use("/router", router);
    joinWritesOf(app);
    return app;
  }

  test.each(["/", "/sent", "/mounted", "/router", "/nothing"])(
    "an exported app, its routers and the apps in it answer: %s",
    async (path) => {
      const seen = await answerOf(exported, path);
      expect(seen.body).toMatch(path === "/nothing" ? /Cannot GET/ : /^(abcdefg|sent)$/);
    },
  );

  test.each(["/", "/mounted", "/router"])("the writes of its responses are joined: %s", async (path) => {
    const port = await listen(JoinedResponse, exported());
    const socket = connect(port, "127.0.0.1").setEncoding("latin1");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    let text = "";
    for await (const piece of socket) text += piece;
    const chunks = text.match(/^\d+\r$/gm)?.length ?? 0;
    // "a", which is never held back, "bc", "def", "g" and the end.
    expect(chunks).toBe(5);
  });

  test("a second app of the process, on a server of its own, is as it was", async () => {
    const admin = express();
    admin.get("/metrics", (_, response) => void response.type("text").send("up 1\n"));
    const before = [admin.response, express.response, ServerResponse.prototype].map((one) => [
      Object.getPrototypeOf(one),
      namesOf(one),
    ]);
    exported();
    const after = [admin.response, express.response, ServerResponse.prototype].map((one) => [
      Object.getPrototypeOf(one),
      namesOf(one),
    ]);
    expect(after).toEqual(before);
    expect((await ask(ServerResponse, admin, "/metrics")).body).toBe("up 1\n");
    expect((await ask(JoinedResponse, admin, "/metrics")).body).toBe("up 1\n");
  });

  test("the exported app, or one that is mounted in it, serves on a plain server as well", async () => {
    const app = exported();
    expect((await ask(ServerResponse, app)).body).toBe("abcdefg");
    expect((await ask(JoinedResponse, app)).body).toBe("abcdefg");
    const mounted = express();
    mounted.get("/", (_, response) => void writes(response));
    app.use("/later", mounted);
    expect((await ask(JoinedResponse, app, "/later")).body).toBe("abcdefg");
    expect((await ask(ServerResponse, mounted)).body).toBe("abcdefg");
  });

  test("an app that a listener of one's own calls answers", async () => {
    const app = express();
    app.get("/", (_, response) => void writes(response));
    const listener: RequestListener = (request, response) => app(request, response);
    joinWritesOf(listener);
    expect((await answerOf(() => listener)).body).toBe("abcdefg");
  });

  test("what an app has put above its responses is called as before", async () => {
    const app = exported();
    const shared = Object.create(express.response, {
      write: {
        value(this: ServerResponse, chunk: string) {
          return Reflect.apply(ServerResponse.prototype.write, this, [chunk.toUpperCase()]);
        },
      },
    });
    const other = express();
    other.get("/", (_, response) => void writes(response));
    Object.setPrototypeOf(other.response, shared);
    joinWritesOf(other);
    expect((await answerOf(() => other)).body).toBe("ABCDEFg");
    expect((await ask(JoinedResponse, app)).body).toBe("abcdefg");
  });
});

test.each([
  ["an object that several apps share", false],
  ["an object of the app's own", true],
])("a framework that gives each response a prototype, %s, is served", async (_what, own) => {
  const response = Object.create(ServerResponse.prototype, {
    say: {
      value(this: ServerResponse, text: string) {
        this.end(text);
      },
    },
  });
  const app: RequestListener = (_, given) => {
    Object.setPrototypeOf(given, response);
    given.write("a");
    given.write("b");
    Reflect.get(given, "say").call(given, "c");
  };
  Object.assign(app, { response });
  if (own) response.app = app;
  joinWritesOf(app);
  expect(Object.getPrototypeOf(response) === ServerResponse.prototype).toBe(!own);
  expect((await answerOf(() => app)).body).toBe("abc");
});
