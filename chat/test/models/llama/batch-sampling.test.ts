import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { sampleTogether } from "../../../src/models/llama/batch-sampling.ts";

interface Choice {
  readonly at: number;
  readonly resolve: (token: number) => void;
  readonly reject: (error: Error) => void;
}

/** A context whose choices the test makes, each when it says so. The real one shows the same only now and then. */
function playedContext() {
  const begun: Choice[] = [];
  const native = {
    decodeBatch: async () => {},
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
  return { context, native, begun };
}

it("lets no thread look at what a batch came to while the first one does", async () => {
  const { context, native, begun } = playedContext();
  sampleTogether(context);
  await native.decodeBatch();
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

  await native.decodeBatch();
  void native.sampleToken(3);
  await turn();
  expect(begun.at(-1)?.at).toBe(3);
});

it("tells each answer of its own failure, and no other", async () => {
  const { context, native, begun } = playedContext();
  sampleTogether(context);
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
  expect(() => sampleTogether(other)).toThrow("npm run llama installs version 3.21.1");
});
