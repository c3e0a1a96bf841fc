/** What a web app sees of calls to the apps of a Gunicorn. A stand-in in Python plays that, at the wire's other end. */
import { createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DirtyApp } from "../../src/dirty/app.ts";
import { DirtyClient, useDirtyHost } from "../../src/dirty/client.ts";
import { GunicornHost, type GunicornSettings } from "../../src/dirty/gunicorn-host.ts";
import { dirty } from "../../src/dirty/typed-client.ts";
import {
  DirtyAppError,
  DirtyAppNotFoundError,
  DirtyConnectionError,
  DirtyError,
  DirtyNoWorkersAvailableError,
  DirtyProtocolError,
  DirtyQueueFullError,
  DirtyStreamNotFoundError,
  DirtyTimeoutError,
  DirtyWorkerError,
} from "../../src/protocol/errors.ts";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { GunicornStandIn } from "../python/gunicorn-stand-in.ts";
import { NO_PYTHON } from "../python/python.ts";
import { until } from "./wire-peer.ts";

const JOBS = "jobs:Jobs";

interface Jobs extends DirtyApp {
  add(a: number, b: number): number;
  ticks(count: number, ms: number): AsyncIterable<number>;
}

let gunicorn: GunicornStandIn;
let client: DirtyClient;

beforeAll(async () => {
  if (NO_PYTHON === undefined) gunicorn = await GunicornStandIn.start();
});

beforeEach(({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
  client = clientOf({});
});

afterAll(async () => {
  await gunicorn?.stop();
});

function clientOf(settings: Partial<GunicornSettings>): DirtyClient {
  const host = { socket: gunicorn.path, apps: [], dirtyTimeout: 30, dirtyQueueSize: 1000, ...settings };
  return new DirtyClient(new GunicornHost(host));
}

/** What a call ended with that must fail. */
async function failureOf(call: PromiseLike<unknown>): Promise<DirtyError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof DirtyError) return error;
  throw new Error(`no DirtyError, but ${String(error)}`);
}

async function all(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** Waits until the stand-in has noted one more thing. */
async function noted(what: "left" | "request", before: number): Promise<number> {
  await until(
    () => `"${what}" is noted`,
    () => gunicorn.notes(what).length > before,
  );
  return gunicorn.notes(what).at(-1)?.at ?? 0;
}

describe("a call", () => {
  test("of a plain action has its result, with the app's name as it was written", async () => {
    expect(await client.execute(JOBS, "add", 40, 2)).toBe(42);
    expect(gunicorn.notes("request").at(-1)).toMatchObject({
      app_path: "'jobs:Jobs'",
      action: "'add'",
      args: "[40, 2]",
      kwargs: "{}",
    });
  });

  test("through the typed client has that name too, also where it looks like a path", async () => {
    useDirtyHost(
      new GunicornHost({ socket: gunicorn.path, apps: [], dirtyTimeout: 30, dirtyQueueSize: 1000 }),
    );
    const jobs = dirty<Jobs>(JOBS);
    expect(await jobs.add(1, 2)).toBe(3);
    expect(await all(jobs.with({ timeout: 20 }).ticks(2, 1))).toEqual([0, 1]);
    await failureOf(dirty<Jobs>("./pkg/mod.ts:Jobs").add(1, 2));
    expect(gunicorn.notes("request").at(-1)).toMatchObject({ app_path: "'./pkg/mod.ts:Jobs'" });
  });

  test("has every value back as it was", async () => {
    const values = [
      null,
      true,
      0,
      -1,
      1.5,
      2n ** 60n,
      "grüße 🎈",
      Buffer.from([0, 255]),
      [[]],
      { a: { "b c": [null] } },
    ];
    expect(await client.execute(JOBS, "echo", ...values)).toEqual([values, {}]);
  });

  test("that streams gives its chunks, one by one and in batches", async () => {
    expect(await all(client.stream(JOBS, "ticks", 5, 1))).toEqual([0, 1, 2, 3, 4]);
    expect((await all(client.stream(JOBS, "ticks", 200, 0).batches())).flat()).toHaveLength(200);
  });

  test("that streams cannot be awaited, and one that does not gives its one result when it is iterated", async () => {
    expect((await failureOf(client.execute(JOBS, "ticks", 5, 1))).message).toMatch(/streams: iterate it/);
    expect(await all(client.stream(JOBS, "add", 1, 2))).toEqual([3]);
  });

  test("has a connection of its own, also beside a hundred others", async () => {
    const before = gunicorn.notes("connected").length;
    const sums = Array.from({ length: 100 }, (_, n) => client.execute(JOBS, "add", n, n));
    expect(await Promise.all(sums)).toEqual(sums.map((_, n) => 2 * n));
    expect(gunicorn.notes("connected").length - before).toBe(100);
  });

  test("with a value that cannot cross is refused here", async () => {
    const before = gunicorn.notes("connected").length;
    expect(await failureOf(client.execute(JOBS, "echo", new Date()))).toBeInstanceOf(DirtyProtocolError);
    expect(gunicorn.notes("connected")).toHaveLength(before);
  });

  test("asked to be resumable is an ordinary stream, and its client cannot come back for it", async () => {
    const streamId = createStreamId();
    const stream = client.with({ streamId }).stream(JOBS, "ticks", 3, 1);
    await stream.accepted();
    expect(await all(stream)).toEqual([0, 1, 2]);
    expect(await failureOf(all(client.resume(streamId)))).toBeInstanceOf(DirtyStreamNotFoundError);
    expect(await failureOf(client.resume(streamId).accepted())).toBeInstanceOf(DirtyStreamNotFoundError);
    expect(await failureOf(client.cancel(streamId))).toBeInstanceOf(DirtyStreamNotFoundError);
  });
});

describe("an error of Gunicorn is", () => {
  test.for<[name: string, type: typeof DirtyError]>([
    ["DirtyError", DirtyError],
    ["DirtyTimeoutError", DirtyTimeoutError],
    ["DirtyConnectionError", DirtyConnectionError],
    ["DirtyWorkerError", DirtyWorkerError],
    ["DirtyAppError", DirtyAppError],
    ["DirtyAppNotFoundError", DirtyAppNotFoundError],
    ["DirtyNoWorkersAvailableError", DirtyNoWorkersAvailableError],
    ["DirtyProtocolError", DirtyProtocolError],
    ["SomethingNew", DirtyError],
  ])("of its class here: %s", async ([name, type]) => {
    const error = await failureOf(client.execute(JOBS, "sends_error", name, "why", { timeout: 3 }));
    expect(error.constructor).toBe(type);
    expect(error).toMatchObject({ message: "why", details: { timeout: 3 } });
  });

  test("an app's own, with its traceback for the log and not in its details", async () => {
    const error = await failureOf(client.execute(JOBS, "fails", "no"));
    expect(error).toBeInstanceOf(DirtyAppError);
    expect(error).toMatchObject({ message: "no", details: { app_path: JOBS, action: "fails" } });
    expect(error.details).not.toHaveProperty("traceback");
    expect((error.cause as Error).stack).toMatch(/^Traceback.*ValueError: no/s);
  });

  test("told after the chunks that came before it", async () => {
    const chunks: unknown[] = [];
    const stream = (async () => {
      for await (const chunk of client.stream(JOBS, "fails_later", "late")) chunks.push(chunk);
    })();
    expect((await failureOf(stream)).message).toBe("late");
    expect(chunks).toEqual(["a", "b"]);
  });

  test("that there is no such action", async () => {
    const error = await failureOf(client.execute(JOBS, "nothing"));
    expect(error).toBeInstanceOf(DirtyAppNotFoundError);
    expect(error.message).toBe('The dirty app jobs:Jobs has no action "nothing".');
  });

  test("that there is no such app, or no worker at all", async () => {
    expect(await failureOf(client.execute("no:App", "x"))).toBeInstanceOf(DirtyNoWorkersAvailableError);
    await client.execute(JOBS, "forget_workers", true);
    try {
      expect(await failureOf(client.execute(JOBS, "add", 1, 2))).toBeInstanceOf(DirtyNoWorkersAvailableError);
    } finally {
      // This Gunicorn serves no calls any more: only a new one has workers again.
      await gunicorn.kill();
      await gunicorn.start();
    }
  });
});

// How fast, the test with real processes looks at; not to close at all would take a minute.
describe("Gunicorn sees the connection close", () => {
  /** Leaves a stream in the way that `leave` does, and waits until Gunicorn has seen it. */
  async function leaves(leave: (signal: AbortController) => Promise<void>): Promise<void> {
    const before = gunicorn.notes("left").length;
    const controller = new AbortController();
    await leave(controller);
    await noted("left", before);
  }

  test("when the loop is left", async () => {
    await leaves(async () => {
      for await (const chunk of client.stream(JOBS, "ticks", 10_000, 5)) if (chunk === 3) break;
    });
  });

  test("when the signal is aborted, with or without a first chunk", async () => {
    for (const [action, ...args] of [["ticks", 10_000, 5], ["hangs"]] as [string, ...unknown[]][]) {
      await leaves(async (controller) => {
        const before = gunicorn.notes("request").length;
        const call = client.with({ signal: controller.signal }).stream(JOBS, action, ...args);
        const over = all(call).catch((error: unknown) => error);
        await noted("request", before);
        const reason = new Error("enough");
        controller.abort(reason);
        expect(await over).toBe(reason);
      });
    }
  });

  test("when the time is over", async () => {
    await leaves(async () => {
      const error = await failureOf(client.with({ timeout: 0.2 }).execute(JOBS, "hangs"));
      expect(error).toBeInstanceOf(DirtyTimeoutError);
      expect(error).toMatchObject({
        message: "jobs:Jobs hangs took longer than 0.2 s.",
        details: { timeout: 0.2 },
      });
    });
  });

  test("when dirtyTimeout is over, in mid-stream and whatever the call asked for", async () => {
    const short = clientOf({ dirtyTimeout: 0.3 });
    const stream = all(short.with({ timeout: 20 }).stream(JOBS, "ticks", 10_000, 10));
    expect(await failureOf(stream)).toBeInstanceOf(DirtyTimeoutError);
  });
});

test("a reader that does not read on stops the app there, and loses nothing when it does", async () => {
  const yielded = () => Number(gunicorn.notes("yield").at(-1)?.["n"] ?? -1);
  const iterator = client.stream<string>(JOBS, "flood", 4000, 2000)[Symbol.asyncIterator]();
  expect((await iterator.next()).value).toBe("0".repeat(2000));
  let last = -1;
  let since = 0;
  await until(
    () => `the app stands; it is at ${last}`,
    () => {
      if (yielded() !== last) {
        last = yielded();
        since = Date.now();
      }
      return last > 0 && Date.now() - since > 500;
    },
    20_000,
  );
  // Of 8 MB: our window, and what the kernel and asyncio hold.
  expect(last).toBeLessThan(1500);
  for (let n = 1; n < 4000; n++) expect(Number((await iterator.next()).value)).toBe(n);
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
});

describe("a Gunicorn that", () => {
  test("is not there is a typed error at once that says what to do, and calls work when it is back", async () => {
    await gunicorn.kill();
    const gone = await failureOf(client.execute(JOBS, "add", 1, 2));
    expect(gone).toBeInstanceOf(DirtyConnectionError);
    expect(gone.message).toMatch(
      /cannot be reached at .*arbiter\.sock: no server listens there any more; start Gunicorn/,
    );
    expect(gone.details).toEqual({ socket_path: gunicorn.path });
    const nowhere = await failureOf(clientOf({ socket: "/nowhere/x.sock" }).execute(JOBS, "add", 1, 2));
    expect(nowhere.message).toMatch(/there is no such socket; .*correct the setting dirtySocket/);
    await gunicorn.start();
    expect(await client.execute(JOBS, "add", 1, 2)).toBe(3);
  });

  test("dies in mid-stream has its chunks read, then a typed error", async () => {
    const chunks: unknown[] = [];
    const over = failureOf(
      (async () => {
        for await (const chunk of client.stream(JOBS, "ticks", 10_000, 10)) {
          if (chunks.push(chunk) === 3) await gunicorn.kill();
        }
      })(),
    );
    const error = await over;
    expect(error).toBeInstanceOf(DirtyConnectionError);
    expect(error.message).toMatch(/closed the connection before its answer was whole; see its log/);
    expect(chunks.slice(0, 3)).toEqual([0, 1, 2]);
    await gunicorn.start();
  });

  test("hangs costs a call its time and no more, and answers later ones when it goes on", async () => {
    gunicorn.signal("SIGSTOP");
    try {
      const error = await failureOf(client.with({ timeout: 0.3 }).execute(JOBS, "add", 1, 2));
      expect(error).toBeInstanceOf(DirtyTimeoutError);
      // More than its backlog takes: those that find no room come again.
      const calls = Promise.all(Array.from({ length: 250 }, (_, n) => client.execute(JOBS, "add", n, 1)));
      await new Promise((resolve) => setTimeout(resolve, 100));
      gunicorn.signal("SIGCONT");
      expect(await calls).toEqual(Array.from({ length: 250 }, (_, n) => n + 1));
    } finally {
      gunicorn.signal("SIGCONT");
    }
  });

  test("lets too many wait is asked for no more: they are refused here", async () => {
    const small = clientOf({ dirtyQueueSize: 3 });
    const controller = new AbortController();
    const waiting = [1, 2, 3].map(() => small.with({ signal: controller.signal }).execute(JOBS, "hangs"));
    const ends = Promise.allSettled(waiting);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await failureOf(small.execute(JOBS, "add", 1, 2))).toBeInstanceOf(DirtyQueueFullError);
    controller.abort();
    await ends;
    // A stream that has begun waits no more.
    const streams: AsyncIterator<unknown>[] = [];
    for (let count = 0; count < 5; count++) {
      const stream = small.stream(JOBS, "ticks", 10_000, 5)[Symbol.asyncIterator]();
      expect((await stream.next()).value).toBe(0);
      streams.push(stream);
    }
    expect(await small.execute(JOBS, "add", 1, 2)).toBe(3);
    for (const stream of streams) await stream.return?.();
  });
});

describe("whatever else answers at the socket", () => {
  test.for<[name: string, bytes: string]>([
    ["an HTTP answer", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["a frame of another version", "\x47\x44\x02\x02\0\0\0\0\0\0\0\0\0\0\0\x01"],
    ["a payload that is not a value", "\x47\x44\x01\x02\0\0\0\x01\0\0\0\0\0\0\0\x01\xff"],
    ["a message that is not an answer", "\x47\x44\x01\x11\0\0\0\0\0\0\0\0\0\0\0\x01"],
    ["a frame that is too large", "\x47\x44\x01\x02\xff\xff\xff\xff\0\0\0\0\0\0\0\x01"],
  ])("%s is a typed error", async ([, bytes]) => {
    for (const action of ["says", "says_later"]) {
      const stream = client.stream(JOBS, action, Buffer.from(bytes, "latin1"));
      const error = await failureOf(all(stream));
      expect(error).toBeInstanceOf(DirtyProtocolError);
      expect(error.message).toMatch(/does not keep to Gunicorn's protocol: /);
    }
  });

  test("another request's answer is not taken for ours", async () => {
    const error = await failureOf(client.execute(JOBS, "answers_another"));
    expect(error).toBeInstanceOf(DirtyProtocolError);
    expect(error.message).toMatch(/has the id 2; the request had 1/);
  });

  test.for<[name: string, bytes: string]>([
    ["nothing", ""],
    ["half a header", "\x47\x44\x01"],
    ["half a payload", "\x47\x44\x01\x02\0\0\0\x09\0\0\0\0\0\0\0\x01\x21"],
  ])("%s and the end of the connection is a typed error", async ([name, bytes]) => {
    const error = await failureOf(client.execute(JOBS, "says", Buffer.from(bytes, "latin1")));
    expect(error).toBeInstanceOf(name === "nothing" ? DirtyConnectionError : DirtyProtocolError);
  });

  describe("one that never closes", () => {
    let server: Server;
    const sockets: Socket[] = [];

    afterEach(() => {
      for (const socket of sockets.splice(0)) socket.destroy();
      server.close();
    });

    test("holds a call no longer than a moment after its nonsense", async () => {
      const path = `${gunicorn.folder}/deaf.sock`;
      server = createServer({ allowHalfOpen: true }, (socket) => {
        sockets.push(socket);
        socket.on("error", () => {});
        socket.write("this is not a frame, is it?");
      });
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const error = await failureOf(clientOf({ socket: path }).execute(JOBS, "add", 1, 2));
      expect(error).toBeInstanceOf(DirtyProtocolError);
    });
  });
});
