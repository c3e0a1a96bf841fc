/** Dirty apps in Python under a TypeScript server: what callers see is what they see of apps in TypeScript. */
import { writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectWithin } from "../promised-time.ts";
import { NO_PYTHON } from "../python/python.ts";
import { eventually, isAlive } from "./harness.ts";
import type { JobServer, Outcome } from "./jobs-app.ts";
import { inPython, startPythonJobs } from "./python-server.ts";

const WITHIN_MS = 100;

let server: JobServer;

beforeAll(async () => {
  if (NO_PYTHON === undefined) server = await startPythonJobs(["One", "Many", "Two"]);
});

beforeEach(({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
});

afterAll(async () => {
  await server?.stop();
});

const call = (app: string, action: string, ...args: unknown[]): Promise<Outcome> =>
  server.call(inPython(app, { action, args }));

describe("a plain action", () => {
  test.each(["add", "add_later"])("%s returns its result", async (action) => {
    expect(await call("One", action, 40, 2)).toMatchObject({ result: 42 });
  });

  test("finds what init() has made", async () => {
    expect(await call("One", "was_ready")).toMatchObject({ result: true });
  });

  test("every kind of value crosses, both ways, and is the same", async () => {
    const outcome = await server.call({ app: "python:jobs:One", action: "", kind: "values" });
    expect(outcome["wrong"]).toEqual([]);
  });

  test.each([
    ["set", /^A set cannot cross/],
    ["big", /^An int beyond 64 bits cannot cross/],
    ["object", /^An object cannot cross/],
  ])("a result that cannot cross (%s) is a clear error", async (name, message) => {
    const { error } = await call("One", "value", name);
    expect(error).toMatchObject({ name: "DirtyProtocolError", message: expect.stringMatching(message) });
    expect(await call("One", "add", 1, 2)).toMatchObject({ result: 3 });
  });
});

describe("a stream", () => {
  test.each(["text", "text_later"])("%s comes whole, in order, to the letter", async (action) => {
    const stream = await server.stream(inPython("One", { action, args: [5000] }));
    expect(await stream.over()).toMatchObject({ ended: true });
    expect(stream.chunks).toEqual(Array.from({ length: 5000 }, (_, i) => `grüße ${i} 🎈`));
  });

  test("an iterator is a stream too", async () => {
    const stream = await server.stream(inPython("One", { action: "numbers" }));
    await stream.over();
    expect(stream.chunks).toEqual([1, 2, 3]);
  });

  test.each(["ids", "ids_later"])("30 %s at once each get their own request's chunks", async (action) => {
    const streams = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const id = server.newId();
        return { id, stream: await server.stream(inPython("Many", { action, args: [200], id })) };
      }),
    );
    for (const { id, stream } of streams) {
      await stream.over();
      expect(stream.chunks).toEqual(Array.from({ length: 200 }, () => id));
    }
  });

  test.each(["ticks", "ticks_later"])(
    "the first chunk of %s comes before the second is made",
    async (action) => {
      const stream = await server.stream(inPython("Many", { action, args: [2, 1500] }));
      await stream.has(1);
      expect(stream.chunks).toEqual([0]);
      stream.leave();
    },
  );

  test("an async action that blocks its loop blocks no other but those of its app", async () => {
    const id = server.newId();
    const blocked = await server.stream(inPython("Many", { action: "blocks", args: [600, 100], id }));
    expect(await call("Many", "add", 1, 2)).toMatchObject({ result: 3 });
    // It was answered while the other still ran.
    expect(server.notes(id).map(({ what }) => what)).toEqual(["began"]);
    blocked.leave();
    expect(await server.noted(id, "settled")).toMatchObject({ aborted: true });
  });
});

/** An answer of which nothing is read. */
async function unread(action: string, chunks: number): Promise<{ id: string; message: IncomingMessage }> {
  const id = server.newId();
  const { method, headers, body } = server.request({
    ...inPython("Many", { action, args: [chunks, 1000], id }),
    kind: "stream",
  });
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request({ ...server.target, host: "127.0.0.1", method, headers, agent: false }, resolve);
    outgoing.once("error", reject);
    outgoing.end(body);
  });
  return { id, message };
}

describe("a reader that reads nothing", () => {
  test.each(["flood", "flood_later"])("stops its %s, and no other run, until it reads on", async (action) => {
    const { id, message } = await unread(action, 30_000);
    let last = -1;
    const stoodAt = await eventually("the generator stands", async () => {
      const before = last;
      last = Number((await call("Many", "yielded", id)).result);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return last > 0 && last === before && last;
    });
    expect(stoodAt).toBeLessThan(15_000);
    expect(await call("Many", "add", 1, 2)).toMatchObject({ result: 3 });
    let text = "";
    message.setEncoding("latin1").on("data", (data: string) => {
      text += data;
    });
    await eventually("the whole stream is read", () => message.complete, 60_000);
    expect(text.split("\n").length).toBe(30_000 + 2);
  });

  test.each(["flood", "flood_later"])("and leaves, ends its %s", async (action) => {
    const { id, message } = await unread(action, 30_000);
    await server.noted(id, "began");
    message.destroy();
    expect(await server.noted(id, "settled")).toMatchObject({ aborted: true });
  });
});

describe("a client that leaves", () => {
  test.for([
    ["ticks", [10_000, 20], "stream"],
    ["ticks_later", [10_000, 20], "stream"],
    ["ticks_later", [10_000, 60_000], "stream"],
    ["thinks_later", [60_000], "stream"],
    ["work", [60_000], "execute"],
    ["work_later", [60_000], "execute"],
  ] as const)("ends %s(%j) within 100 ms, and the next is served", async ([action, args, kind], context) => {
    await expectWithin(context, WITHIN_MS, async () => {
      const id = server.newId();
      const gone = new AbortController();
      const { body, method, headers } = server.request({
        ...inPython("One", { action, args: [...args], id }),
        kind,
      });
      const outgoing = request({
        ...server.target,
        host: "127.0.0.1",
        method,
        headers,
        agent: false,
        signal: gone.signal,
      });
      outgoing.on("error", () => {});
      outgoing.end(body);
      await server.noted(id, "began");
      const leftAt = Date.now();
      gone.abort();
      const { at, aborted } = await server.noted(id, "settled");
      expect(aborted).toBe(true);
      return at - leftAt;
    });
    expect(await call("One", "add", 1, 2)).toMatchObject({ result: 3 });
  });

  test("while it is queued is never served, and holds up no other request", async () => {
    const held = await server.stream(inPython("One", { action: "ticks", args: [100_000, 20] }));
    await held.has(1);
    const id = server.newId();
    const queued = server.call({
      ...inPython("One", { id, action: "abort-after", args: [] }),
      kind: "abort-after",
      action: "job",
      args: [50, 5000],
    });
    expect(await queued).toMatchObject({ same: true });
    held.leave();
    expect(await call("One", "add", 1, 2)).toMatchObject({ result: 3 });
    expect(server.notes(id)).toEqual([]);
  });
});

test("an app that runs one job at a time queues the others, and serves them in their order", async () => {
  const held = await server.stream(inPython("One", { action: "ticks", args: [100_000, 20] }));
  await held.has(1);
  const ids = Array.from({ length: 5 }, () => server.newId());
  const results: unknown[] = [];
  const jobs: Promise<void>[] = [];
  for (const id of ids) {
    const job = server.call(inPython("One", { action: "job", args: [10], id }));
    jobs.push(job.then(({ result }) => void results.push(result)));
    // The answers to later calls of the same HTTP worker came behind it, so the job has its place.
    for (let later = 0; later < 6; later++) await call("Many", "pid");
  }
  held.leave();
  await Promise.all(jobs);
  expect(results).toEqual(ids);
  const notes = ids.flatMap((id) => server.notes(id)).toSorted((a, b) => a.at - b.at);
  expect(notes.map(({ what }) => what)).toEqual(ids.flatMap(() => ["began", "settled"]));
});

test("workers of the class says how many processes run the app", async () => {
  const ids = [server.newId(), server.newId()];
  const streams = await Promise.all(
    ids.map((id) => server.stream(inPython("Two", { action: "ticks", args: [100_000, 20], id }))),
  );
  await Promise.all(streams.map((stream) => stream.has(1)));
  const pids = new Set(ids.map((id) => server.notes(id)[0]?.pid));
  for (const stream of streams) stream.leave();
  expect(pids.size).toBe(2);
});

describe("an error of the app", () => {
  test.each(["fails", "fails_typed"])(
    "of %s reaches the caller with its message, and without its traceback",
    async (action) => {
      const { error } = await call("One", action, ...(action === "fails" ? ["no such song"] : []));
      const typed = action === "fails_typed";
      expect(error).toMatchObject(
        typed
          ? { name: "DirtyError", message: "mine", details: { n: 1 } }
          : {
              name: "DirtyAppError",
              code: "DIRTY_APP",
              message: "no such song",
              details: { error_class: "ValueError", action: "fails" },
            },
      );
      expect(error?.all).not.toMatch(/Traceback|jobs\.py|swordfish/);
    },
  );

  test("in mid-stream comes behind the chunks that were made, and its traceback is in the log", async () => {
    const stream = await server.stream(inPython("One", { action: "fails_later", args: ["late"] }));
    expect(await stream.over()).toMatchObject({ error: { name: "DirtyAppError", message: "'late'" } });
    expect(stream.chunks).toEqual(["a", "b"]);
    await server.running.logged(/"msg":"python:jobs:One fails_later failed"/);
    expect(server.running.log()).toMatch(/Traceback \(most recent call last\).*jobs\.py.*in fails_later/);
  });

  test("that says that it is not a fault is not in the log, and reaches the caller all the same", async () => {
    const { error } = await call("One", "refuses", "too long by half");
    expect(error).toMatchObject({ name: "DirtyError", message: "too long by half" });
    await call("One", "fails", "behind it");
    await server.running.logged("behind it");
    expect(server.running.log()).not.toContain("too long by half");
  });

  test.each(["exits", "exits_later"])("%s does not end the worker", async (action) => {
    const before = await call("One", "pid");
    expect((await call("One", action)).error).toMatchObject({ name: "DirtyAppError" });
    expect((await call("One", "pid")).result).toBe(before.result);
  });

  test.each(["nothing", "_hidden", "__init__", "field", "computed", "init", "close", "__call__"])(
    "%s is not an action",
    async (action) => {
      expect((await call("One", action)).error).toMatchObject({ name: "DirtyAppNotFoundError" });
    },
  );
});

describe("a worker that dies", () => {
  test("in mid-stream: its caller gets what was made and a typed error, and a new worker serves", async () => {
    const pid = (await call("One", "pid")).result;
    const stream = await server.stream(inPython("One", { action: "tells_then_dies", args: [5] }));
    expect(await stream.over()).toMatchObject({ error: { name: "DirtyWorkerError" } });
    expect(stream.chunks).toEqual([0, 1, 2, 3, 4]);
    const next = await call("One", "pid");
    expect(next.result).not.toBe(pid);
    expect(await call("One", "was_ready")).toMatchObject({ result: true });
  });

  test("does not end an action that continues: another worker goes on behind what was delivered", async () => {
    const stream = await server.stream(inPython("Two", { action: "goes_on", args: [10, 4] }));
    expect(await stream.over()).toMatchObject({ ended: true });
    expect(stream.chunks).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe("a run over its time", () => {
  test.each([
    ["work", false],
    ["work_later", false],
    ["deaf", true],
    ["stubborn", true],
    ["spin", true],
  ])(
    "%s ends with a timeout, and where it does not settle (%s) its worker is replaced",
    async (action, hangs) => {
      const id = server.newId();
      const before = Number((await call("One", "pid")).result);
      const args = ["deaf", "stubborn"].includes(action) ? [] : [60_000];
      const outcome = await server.call(inPython("One", { action, args, id, timeout: 0.5 }));
      expect(outcome.error).toMatchObject({ name: "DirtyTimeoutError" });
      if (hangs) await eventually("the worker that hangs is killed", () => !isAlive(before));
      else await server.noted(id, "settled");
      const after = Number((await call("One", "pid")).result);
      expect(after === before).toBe(!hangs);
    },
  );
});

test("runs that compute hold up no other run", async () => {
  const ids = [server.newId(), server.newId()];
  const spinning = ids.map((id) =>
    server.call(inPython("Many", { action: "spin_until", args: ["enough"], id })),
  );
  await Promise.all(ids.map((id) => server.noted(id, "began")));
  expect(await call("Many", "add", 1, 2)).toMatchObject({ result: 3 });
  // It was answered while both still ran.
  for (const id of ids) expect(server.notes(id).map(({ what }) => what)).toEqual(["began"]);
  writeFileSync(join(server.folder, "enough"), "");
  expect(await Promise.all(spinning)).toMatchObject([{ result: "enough" }, { result: "enough" }]);
});
