import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { Batches } from "../../../src/models/llama/batches.ts";

interface Choice {
  readonly at: number;
  readonly resolve: (token: number) => void;
  readonly reject: (error: Error) => void;
}

/** A context whose choices the test makes, each when it says so. The real one shows the same only now and then. */
function playedContext() {
  const begun: Choice[] = [];
  const decoded = { resolve: () => {}, reject: (_: Error) => {} };
  const native = {
    decodeBatch: () => new Promise<void>((resolve, reject) => Object.assign(decoded, { resolve, reject })),
    sampleToken: (at: number) =>
      new Promise<number>((resolve, reject) => {
        begun.push({ at, resolve, reject });
      }),
  };
  const context = {
    _ctx: native,
    contextSize: 0,
    batchSize: 0,
    totalSequences: 0,
    getSequence: () => {
      throw new Error("not in this test");
    },
  };
  return { context, native, begun, decoded };
}

it("lets no thread look at what a batch came to while the first one does", async () => {
  const { context, native, begun } = playedContext();
  new Batches(context);
  void native.decodeBatch();
  const known: number[] = [];
  const choices = [0, 1, 2].map((at) => native.sampleToken(at).then((token) => known.push(token)));
  await turn();
  expect(begun.map(({ at }) => at)).toEqual([0]);

  begun[0]?.resolve(10);
  await turn();
  expect(begun.map(({ at }) => at)).toEqual([0, 1, 2]);
  begun[2]?.resolve(12);
  await turn();
  expect(known).toEqual([]);

  begun[1]?.resolve(11);
  await Promise.all(choices);
  expect(known).toEqual([10, 11, 12]);

  void native.decodeBatch();
  void native.sampleToken(3);
  await turn();
  expect(begun.at(-1)?.at).toBe(3);
});

it("tells each answer of its own failure, and no other", async () => {
  const { context, native, begun } = playedContext();
  new Batches(context);
  const choices = [0, 1, 2].map((at) => native.sampleToken(at));
  const settled = Promise.allSettled(choices);
  begun[0]?.reject(new Error("the first"));
  await turn();
  begun[1]?.resolve(11);
  begun[2]?.reject(new Error("the third"));
  expect(await settled).toMatchObject([
    { status: "rejected", reason: { message: "the first" } },
    { status: "fulfilled", value: 11 },
    { status: "rejected", reason: { message: "the third" } },
  ]);
});

it("refuses a version of the package that it does not know", () => {
  const { context } = playedContext();
  const other = { ...context, _ctx: undefined };
  expect(() => new Batches(other)).toThrow("npm run llama installs version 3.21.1");
});

it("has requests that come during a batch wait for its end, so that the next one is for all", async () => {
  const { context, native, begun, decoded } = playedContext();
  const batches = new Batches(context);
  await batches.turn();
  const computing = native.decodeBatch();
  let waits = true;
  const turned = batches.turn().then(() => {
    waits = false;
  });
  decoded.resolve();
  await computing;
  const choice = native.sampleToken(0);
  await turn();
  await turn();
  expect(waits).toBe(true);
  begun[0]?.resolve(10);
  await Promise.all([choice, turned]);
});

it("lets the next batch begin behind one that came to nothing", async () => {
  const { context, native, decoded } = playedContext();
  const batches = new Batches(context);
  const computing = native.decodeBatch();
  decoded.reject(new Error("no memory"));
  await expect(computing).rejects.toThrow("no memory");
  await batches.turn();
});

it("says when a batch is computed, to those who ask before and to those who ask meanwhile", async () => {
  const { context, native, decoded } = playedContext();
  const batches = new Batches(context);
  const told: string[] = [];
  const tell = (name: string) => batches.begun().then(() => told.push(name));
  const before = tell("before");
  await turn();
  expect(told).toEqual([]);
  const computing = native.decodeBatch();
  await Promise.all([before, tell("meanwhile")]);
  expect(told).toEqual(["before", "meanwhile"]);

  decoded.resolve();
  await computing;
  const after = tell("after");
  await turn();
  expect(told).toHaveLength(2);
  void native.decodeBatch();
  await after;
});
