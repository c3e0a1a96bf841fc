import { expect, it } from "vitest";
import { z } from "zod";
import { list } from "../../src/schemas/list.ts";

/** A schema of numbers that counts what it is asked. */
function counted() {
  const asked: unknown[] = [];
  const schema = z.unknown().refine((value) => {
    asked.push(value);
    return typeof value === "number";
  }, "it must be a number");
  return { asked, schema };
}

it("a list is read as what its items are read as", () => {
  const upper = list(
    z.string().transform((text) => text.toUpperCase()),
    { max: 2 },
  );
  expect(upper.parse(["a", "b"])).toEqual(["A", "B"]);
  expect(upper.parse([])).toEqual([]);
});

it("nothing behind the first wrong item is looked at", () => {
  const { asked, schema } = counted();
  const { error } = list(schema, { max: 1000 }).safeParse([1, 2, "x", ...Array(900).fill("y")]);
  expect(asked).toEqual([1, 2, "x"]);
  expect(error?.issues).toMatchObject([{ code: "custom", path: [2], message: "it must be a number" }]);
});

it("no item of a list that is too long or too short is looked at", () => {
  const { asked, schema } = counted();
  const bounded = list(schema, { min: 2, max: 3 });
  expect(bounded.safeParse([1, 2, 3, 4]).error?.issues).toMatchObject([{ code: "too_big", path: [] }]);
  expect(bounded.safeParse([1]).error?.issues).toMatchObject([{ code: "too_small", path: [] }]);
  expect(asked).toEqual([]);
});

it("a fault says its whole way, and what was sent there", () => {
  const nested = z.object({ rows: list(list(z.string(), { max: 9 }), { max: 9 }) });
  const { error } = nested.safeParse({ rows: [["a"], ["b", 1]] }, { reportInput: true });
  expect(error?.issues).toMatchObject([{ code: "invalid_type", path: ["rows", 1, 1], input: 1 }]);
});

it("a fault in a branch of a union says what was sent there", () => {
  const either = list(z.object({ content: z.union([z.string(), list(z.string(), { max: 9 })]) }), { max: 9 });
  const { error } = either.safeParse([{ content: 5 }], { reportInput: true });
  expect(error?.issues).toMatchObject([
    { code: "invalid_union", path: [0, "content"], errors: [[{ input: 5 }], [{ input: 5 }]] },
  ]);
});

it("a list is described with its items and its bounds", () => {
  const described = z.toJSONSchema(list(z.string(), { min: 1, max: 3 }), { io: "input" });
  expect(described).toMatchObject({
    type: "array",
    items: { type: "string" },
    minItems: 1,
    maxItems: 3,
  });
});
