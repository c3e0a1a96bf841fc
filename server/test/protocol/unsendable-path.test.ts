/** What an error says of a value that cannot cross: where it stands. */
import { describe, expect, test } from "vitest";
import { DirtyProtocolError } from "../../src/protocol/errors.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { encodeTlv, encodeValue } from "../../src/protocol/tlv-writer.ts";

const date = new Date(0);

function failure(send: () => unknown): DirtyProtocolError {
  try {
    send();
  } catch (error) {
    if (error instanceof DirtyProtocolError) return error;
    throw error;
  }
  throw new Error("it crossed");
}

function cycle(): unknown {
  const parent: Record<string, unknown> = { name: "p" };
  parent["child"] = { list: [1, parent] };
  return { tree: parent };
}

describe("the path of what cannot cross", () => {
  test.for<{ value: unknown; path: string | undefined }>([
    { value: date, path: undefined },
    { value: { rows: [0, 1, 2, { at: date }] }, path: "rows[3].at" },
    { value: [[], [{ a: { b: new Map() } }]], path: "[1][0].a.b" },
    { value: { "a key": { "": Symbol("s") } }, path: '["a key"][""]' },
    { value: { __proto__: null, größe: () => 1 }, path: "größe" },
    { value: { a: { "x.y": 2n ** 64n } }, path: 'a["x.y"]' },
    { value: { list: [undefined, new Set()] }, path: "list[1]" },
    { value: { a: [[1].values()] }, path: "a[0]" },
    { value: { a: { *[Symbol.iterator]() {} } }, path: "a" },
    { value: { a: new Array(1_048_577) }, path: "a" },
    { value: cycle(), path: "tree.child.list[1]" },
  ])("$path", ({ value, path }) => {
    for (const send of [() => encodeTlv(value), () => encodeTlv(value, "ours"), () => encodeValue(value)]) {
      const error = failure(send);
      expect(error.details["path"]).toBe(path);
      expect(error.name).toBe("DirtyProtocolError");
      if (path !== undefined) expect(error.message).toContain(` (${path})`);
    }
  });

  test("of a value that holds itself is told once around, and that it does", () => {
    expect(failure(() => encodeTlv(cycle())).message).toMatch(
      /^A value is nested more than 64 levels deep: it holds itself \(tree\.child\.list\[1\]\)\.$/,
    );
  });

  test("begins with what the sender gave, and not with the message around it", () => {
    const writer = new FrameWriter();
    const result = { rows: [{ at: date }] };
    expect(failure(() => writer.frame(MSG.RESPONSE, 1, { result })).details["path"]).toBe("rows[0].at");
    expect(failure(() => writer.frame(MSG.RESPONSE, 1, { result: date })).message).toMatch(
      /^A Date cannot cross between/,
    );
    expect(failure(() => writer.chunk(MSG.CHUNK, 1, [result])).details["path"]).toBe("[0].rows[0].at");
    const run = { args: ["a", result] };
    expect(failure(() => writer.frame(MSG.RUN, 1, { slot: 1, ...run })).details["path"]).toBe(
      "args[1].rows[0].at",
    );
    expect(failure(() => writer.frame(MSG.PLACE, 1, { app: "a", run })).details["path"]).toBe(
      "args[1].rows[0].at",
    );
  });

  test("stays readable: long keys and deep places are cut", () => {
    const long = failure(() => encodeTlv({ ["k".repeat(1000)]: date }));
    expect(long.message.length).toBeLessThan(300);
    let deep: unknown = date;
    for (let level = 0; level < 60; level++) deep = { deep };
    expect(failure(() => encodeTlv(deep)).message.length).toBeLessThan(300);
  });
});

test("an error that a getter throws is the getter's own", () => {
  const error = new RangeError("mine");
  const value = {
    a: [
      {
        get b(): never {
          throw error;
        },
      },
    ],
  };
  expect(() => encodeTlv(value)).toThrow(error);
});
