import { describe, expect, it } from "vitest";
import { type core, z } from "zod";
import { chatRequest, syncRequest } from "../../src/schemas/chat.ts";
import { ChatCompletionRequest, CompletionRequest, EmbeddingRequest } from "../../src/v1/schemas.ts";

const BODIES: Readonly<Record<string, z.ZodObject>> = {
  "/chat": chatRequest(["simulated"]),
  "/chat/sync": syncRequest(["simulated"]),
  "/v1/chat/completions": ChatCompletionRequest,
  "/v1/completions": CompletionRequest,
  "/v1/embeddings": EmbeddingRequest,
};

const MIB = 1024 * 1024;

/** Fills a body with an item, as often as it has room. */
function filled(item: unknown, room = MIB): unknown[] {
  return Array(Math.floor(room / (JSON.stringify(item).length + 1))).fill(item);
}

const nested = JSON.parse(`${"[".repeat(10_000)}${"]".repeat(10_000)}`);
const wide = Object.fromEntries(filled("x".repeat(8), MIB / 2).map((_, at) => [`k${at}`, at]));

/** Wrong values, each of which would be as many faults as it has items. */
const WRONG: readonly (readonly [name: string, value: unknown])[] = [
  ["messages of wrong parts", Array(340).fill({ role: "user", content: Array(1000).fill(1) })],
  ["messages of parts without a text", Array(300).fill({ role: "user", content: Array(300).fill({}) })],
  ["numbers", filled(1)],
  ["2,000 numbers", Array(2000).fill(1)],
  ["empty lists", filled([])],
  ["lists of lists", Array(128).fill(Array(2000).fill([]))],
  ["objects", filled({})],
  ["120 objects", Array(120).fill({ type: 1, function: 1 })],
  ["messages of wrong tool calls", Array(2000).fill({ role: "assistant", tool_calls: Array(100).fill(1) })],
  ["an object of many keys", wide],
  ["a list without a bottom", nested],
  ["empty texts", filled("")],
  ["halves of characters", filled("\ud800")],
];

/** How many faults there are, those of a union's branches too. */
function faults(issues: readonly core.$ZodIssue[]): number {
  return issues.reduce((sum, issue) => {
    const inner = issue.code === "invalid_union" ? issue.errors.map(faults) : [];
    return sum + 1 + inner.reduce((all, each) => all + each, 0);
  }, 0);
}

describe.each(Object.entries(BODIES))(
  "however wrong a body of %s is, few faults are found:",
  (_path, schema) => {
    it.each(WRONG)("%s in each field", (_name, value) => {
      for (const field of Object.keys(schema.shape)) {
        const { error } = schema.safeParse({ [field]: value });
        // A body has about twenty fields, and each a few branches.
        expect(faults(error?.issues ?? []), field).toBeLessThan(100);
      }
    });
  },
);

describe("no schema of a body looks at all items of a list:", () => {
  it.each(Object.entries(BODIES))("%s", (_path, schema) => {
    expect(unboundedIn(schema)).toEqual([]);
  });

  it("and this test would see one that does", () => {
    expect(unboundedIn(z.object({ a: z.array(z.string()).nullish() }))).toEqual(["a"]);
    expect(unboundedIn(z.object({ a: z.union([z.string(), z.record(z.string(), z.int())]) }))).toEqual(["a"]);
  });
});

/** Where a schema has a type with any number of items that are checked one by one. */
function unboundedIn(schema: core.$ZodType, at = ""): string[] {
  const { def } = (schema as z.ZodType)._zod as unknown as { def: core.$ZodTypes["_zod"]["def"] };
  switch (def.type) {
    case "object":
      return Object.entries(def.shape).flatMap(([key, inner]) =>
        unboundedIn(inner, at === "" ? key : `${at}.${key}`),
      );
    case "array":
      return (def.element as core.$ZodTypes)._zod.def.type === "unknown" ? [] : [at];
    case "record":
    case "map":
    case "set":
    case "tuple":
      return [at];
    case "union":
      return def.options.flatMap((option) => unboundedIn(option, at));
    case "pipe":
      return [...unboundedIn(def.in, at), ...unboundedIn(def.out, at)];
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
      return unboundedIn(def.innerType, at);
    default:
      return [];
  }
}

describe("a chat completion's messages may have together", () => {
  const part = { type: "text", text: "a" };
  const messages = (count: number, parts: number, calls: number) =>
    Array(count).fill({
      role: "assistant",
      content: Array(parts).fill(part),
      tool_calls: Array(calls).fill({}),
    });

  it("20,000 parts and tool calls", () => {
    expect(ChatCompletionRequest.safeParse({ messages: messages(100, 120, 80) }).success).toBe(true);
  });

  it.each([
    ["parts", messages(100, 201, 0)],
    ["tool calls", messages(200, 0, 101)],
    ["both, one of them wrong", [...messages(100, 120, 80), { role: "user", content: [1] }]],
  ])("no more of %s, none of which is read then", (_name, many) => {
    const { error } = ChatCompletionRequest.safeParse({ messages: many });
    expect(error?.issues).toMatchObject([
      {
        code: "custom",
        path: ["messages"],
        message: "the messages have more than 20000 parts and tool calls together",
      },
    ]);
  });
});
