/** The stack of a failed call names the line that made the call, however the call fails. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DirtyClient, getDirtyClient } from "../../src/dirty/client.ts";
import { stash } from "../../src/dirty/stash.ts";
import { dirty } from "../../src/dirty/typed-client.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { type Listener, StandIn } from "./stand-in.ts";
import type { ChatApp } from "./typed-app.ts";

const APP = "./app.ts:App";
const HERE = "caller-line.test.ts";
const app = dirty<ChatApp>(APP);

let side: StandIn;
let worker: Listener;
let client: DirtyClient;

beforeEach(async () => {
  side = await StandIn.open();
  worker = await side.listen("w");
  client = getDirtyClient();
});

afterEach(() => {
  side.close();
});

/** Serves the next call with an error of the app. */
async function failNext(): Promise<void> {
  const run = await side.take(worker);
  const error = { error_type: "DirtyAppError", message: "no such token", details: {} };
  run.worker.send([MSG.ERROR, run.id, { error }]);
}

async function failure(work: () => PromiseLike<unknown>): Promise<Error> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("it did not fail");
}

async function callHere(): Promise<void> {
  await app.countTokens("a");
}

async function iterateHere(): Promise<void> {
  for await (const _ of app.generate("a"));
}

async function batchesHere(): Promise<void> {
  for await (const _ of app.generate("a").batches());
}

async function executeHere(): Promise<void> {
  await client.execute(APP, "add");
}

async function streamHere(): Promise<void> {
  for await (const _ of client.stream(APP, "add"));
}

function thenHere(): Promise<unknown> {
  return app.countTokens("a").then((count) => count);
}

function catchHere(): Promise<unknown> {
  return app.countTokens("a").catch((error: unknown) => Promise.reject(error));
}

async function allHere(): Promise<void> {
  await Promise.all([app.countTokens("a")]);
}

async function* passesOnHere(): AsyncGenerator<string> {
  yield* app.generate("a");
}

async function passOnHere(): Promise<void> {
  for await (const _ of passesOnHere());
}

async function acceptHere(): Promise<void> {
  await app.generate("a").accepted();
}

describe("the stack of a call that failed", () => {
  test.for([
    callHere,
    iterateHere,
    batchesHere,
    executeHere,
    streamHere,
    thenHere,
    catchHere,
    allHere,
    passOnHere,
  ])("in the app names $name, below the error's own text", async (work) => {
    const failed = failure(work);
    await failNext();
    const { stack = "", message } = await failed;
    expect(stack.split("\n")[0]).toBe("DirtyAppError: no such token");
    expect(message).toBe("no such token");
    expect(stack).toMatch(new RegExp(`\\n\\s+at (async )?${work.name} .*${HERE}`));
  });

  test.for([callHere, iterateHere, executeHere, acceptHere])(
    "because no slot came names %o",
    async (work) => {
      const failed = failure(work);
      const arbiter = await side.arbiter();
      const { id } = await arbiter.next(MSG.PLACE);
      const error = { error_type: "DirtyQueueFullError", message: "full", details: {} };
      arbiter.send([MSG.ERROR, id, { error }]);
      expect((await failed).stack).toContain(HERE);
    },
  );

  test("whose worker died, or whose argument cannot cross, names its line", async () => {
    const died = failure(callHere);
    const run = await side.take(worker);
    run.started();
    run.worker.destroy();
    expect((await died).stack).toMatch(
      /^DirtyWorkerError: [\s\S]*\n\s+at (async )?callHere .*caller-line\.test\.ts/,
    );
    const unsendable = failure(async () => await client.execute(APP, "add", { at: new Date() }));
    await side.grant(worker.path);
    const { stack } = await unsendable;
    expect(stack).toMatch(
      /^DirtyProtocolError: A Date cannot cross .*args\[0\]\.at[\s\S]*\n\s+at .*caller-line/,
    );
  });

  test("that was made in one place and awaited in another names where it is awaited", async () => {
    const call = app.countTokens("a");
    const failed = failure(async () => await call);
    await failNext();
    expect((await failed).stack).toContain(HERE);
  });

  test("for a stream that is not there names the line, and so does the stash", async () => {
    const arbiter = await side.arbiter();
    const failed = failure(async () => {
      for await (const _ of client.resume(createStreamId()));
    });
    const error = (error_type: string) => ({ error: { error_type, message: "no", details: {} } });
    const { id } = await arbiter.next(0x2f);
    arbiter.send([MSG.ERROR, id, error("DirtyStreamNotFoundError")]);
    expect((await failed).stack).toMatch(/^DirtyStreamNotFoundError: no\n[\s\S]*\s+at .*caller-line/);

    const put = failure(async () => await stash.put("t", "k", 1));
    const link = await side.listeners[0]?.peer();
    const asked = await link?.next(MSG.STASH);
    link?.send([MSG.ERROR, asked?.id ?? 0, error("StashFullError")]);
    expect((await put).stack).toMatch(/^StashFullError: no\n[\s\S]*\s+at .*caller-line/);
  });

  test("is the caller's own where it aborted the call with an error of its own", async () => {
    const reason = new Error("changed my mind");
    const { stack } = reason;
    const gone = new AbortController();
    const failed = failure(() => app.with({ signal: gone.signal }).countTokens("a"));
    await side.take(worker);
    gone.abort(reason);
    expect(await failed).toBe(reason);
    expect(reason.stack).toBe(stack);
  });

  test("is there without its frames where the limit of frames is 0", async () => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      const failed = failure(callHere);
      await failNext();
      expect((await failed).stack).toBe("DirtyAppError: no such token");
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  });
});
