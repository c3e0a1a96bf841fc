/** Calls from HTTP workers to dirty workers: what crosses, what comes back, and whose it is. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./harness.ts";
import { JobServer } from "./jobs-app.ts";

let server: JobServer;

beforeAll(async () => {
  server = await JobServer.start(["Many", "One"], ["--workers", "2"], {
    "evil.mjs": `import { writeFileSync } from "node:fs"; writeFileSync("imported", ""); export class Evil {}`,
  });
});

afterAll(async () => {
  await server.stop();
});

describe("a call", () => {
  test("by name gives the action's result", async () => {
    expect(await server.call({ app: "Many", action: "add", args: [2, 3] })).toMatchObject({ result: 5 });
  });

  test("of the typed client gives the same", async () => {
    const call = { app: "Many", action: "add", args: ["a", "b"], kind: "typed" };
    expect(await server.call(call)).toMatchObject({ result: "ab" });
  });

  test.for(["stream", "typed-stream"])("streams a generator's chunks in order (%s)", async (kind) => {
    for (const action of ["flood", "floodLater"]) {
      const stream = await server.stream({ app: "Many", action, args: [500, 4], kind });
      expect(await stream.over()).toMatchObject({ ended: true });
      expect(stream.chunks).toEqual(Array.from({ length: 500 }, (_, n) => String(n).padStart(4, ".")));
    }
  });

  test("of a plain action can be iterated, and gives its one result", async () => {
    const stream = await server.stream({ app: "Many", action: "add", args: [1, 1] });
    expect(await stream.over()).toMatchObject({ ended: true });
    expect(stream.chunks).toEqual([2]);
  });

  test("of a generator cannot be awaited", async () => {
    const { error } = await server.call({ app: "Many", action: "ticks", args: [1000, 10] });
    expect(error?.message).toContain("for await");
  });

  test("carries the request's id to the action", async () => {
    expect(await server.call({ app: "Many", action: "id", id: "from.the-client_1" })).toMatchObject({
      result: "from.the-client_1",
    });
  });
});

describe("values", () => {
  test("cross there and back as they are", async () => {
    const { wrong, changed } = await server.call({ app: "Many", action: "", kind: "values" });
    expect(wrong).toEqual([]);
    expect(changed).toEqual({
      undefined: "[ undefined, { kept: 1 }, [ undefined ] ]",
      smallBigint: "[ 5n ]",
      subarray: "0102",
      polluted: null,
    });
  });

  test("that cannot cross are an error where they are sent", async () => {
    const { errors } = await server.call({ app: "Many", action: "", kind: "unsendable" });
    const names = ["date", "map", "set", "function", "symbol", "regexp"];
    expect(errors).toEqual(Object.fromEntries(names.map((name) => [name, "DirtyProtocolError"])));
  });

  test.for(["date", "map", "error", "function"])(
    "of an app that cannot cross (%s) are its error",
    async (name) => {
      const { error } = await server.call({ app: "Many", action: "value", args: [name] });
      expect(error).toMatchObject({ name: "DirtyProtocolError", code: "DIRTY_PROTOCOL" });
      expect(error?.message).toContain("cannot cross");
      const stream = await server.stream({ app: "Many", action: "values", args: [name] });
      expect((await stream.over()).error?.name).toBe("DirtyProtocolError");
      expect(stream.chunks).toEqual([1]);
    },
  );
});

describe("an app's error", () => {
  test("reaches the caller with its type, code and message, and without its stack", async () => {
    const { error } = await server.call({ app: "Many", action: "fails", args: ["no such token"] });
    expect(error).toMatchObject({ name: "DirtyAppError", code: "DIRTY_APP", message: "no such token" });
    expect(error?.details).toMatchObject({ action: "fails", error_class: "RangeError" });
    expect(error?.all).not.toContain("swordfish");
    expect(error?.all).not.toContain("app.mjs:");
  });

  test("in mid-stream comes behind the chunks before it", async () => {
    const stream = await server.stream({ app: "Many", action: "failsLater", args: ["half way"] });
    expect((await stream.over()).error).toMatchObject({ code: "DIRTY_APP", message: "half way" });
    expect(stream.chunks).toEqual(["a", "b"]);
  });

  test("of a dirty type keeps it", async () => {
    const { error } = await server.call({ app: "Many", action: "failsTyped" });
    expect(error).toMatchObject({ name: "DirtyError", code: "DIRTY_ERROR", details: { n: 1 } });
  });

  test("is in the dirty worker's log with its stack and the request's id", async () => {
    const id = server.newId();
    await server.call({ app: "Many", action: "fails", args: ["look in the log"], id });
    const line = await eventually("the log has it", () =>
      server.running
        .log()
        .split("\n")
        .find((text) => text.includes(id) && text.includes("look in the log")),
    );
    const { role, level, requestId, err } = JSON.parse(line);
    expect({ role, level, requestId }).toEqual({ role: "dirty worker", level: "error", requestId: id });
    expect(err.stack).toContain("app.mjs:");
  });

  test("that says that it is not a fault is not in the log, and reaches the caller all the same", async () => {
    const { error } = await server.call({ app: "Many", action: "refuses", args: ["too long by half"] });
    expect(error).toMatchObject({ code: "DIRTY_APP", message: "too long by half" });
    const id = server.newId();
    await server.call({ app: "Many", action: "fails", args: ["behind it"], id });
    await server.running.logged(id);
    expect(server.running.log()).not.toContain("too long by half");
  });
});

describe("what is not there", () => {
  test.for(["missing", "_note", "init", "constructor", "request", "toString", "__proto__"])(
    "the action %s is not found",
    async (action) => {
      const { error } = await server.call({ app: "Many", action });
      expect(error).toMatchObject({ name: "DirtyAppNotFoundError", code: "DIRTY_APP_NOT_FOUND" });
    },
  );

  test("an app that is not configured is not found, and never imported", async () => {
    const { error } = await server.call({ app: "./evil.mjs:Evil", action: "run" });
    expect(error).toMatchObject({ code: "DIRTY_APP_NOT_FOUND" });
    expect(existsSync(join(server.folder, "imported"))).toBe(false);
  });
});

describe("many requests at once", () => {
  test("each see their own id, after every yield and every wait", async () => {
    const streams = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const id = server.newId();
        return { id, stream: await server.stream({ app: "Many", action: "ids", args: [50], id }) };
      }),
    );
    for (const { id, stream } of streams) {
      expect(await stream.over()).toMatchObject({ ended: true });
      expect(stream.chunks).toHaveLength(100);
      expect(new Set(stream.chunks)).toEqual(new Set([id]));
    }
  });

  test("each get their own answer", async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => ({
        n,
        outcome: await server.call({ app: "Many", action: "echo", args: [n] }),
      })),
    );
    for (const { n, outcome } of answers) expect(outcome.result).toEqual([n]);
  });
});

test("the status names every app and its ready workers", async () => {
  expect(await server.call({ app: "Many", action: "", kind: "status" })).toMatchObject({
    ready: true,
    apps: [
      { app: "app:Many", workers: 1 },
      { app: "app:One", workers: 1 },
    ],
  });
});
