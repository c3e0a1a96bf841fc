import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildApp } from "../../src/app.ts";
import { parseModels } from "../../src/models/catalog.ts";
import { schemaExcess } from "../../src/v1/schema-limits.ts";

const values = (count: number, length = 1) =>
  Array.from({ length: count }, (_, at) => String(at).padEnd(length, "x"));
const properties = (count: number, schema: unknown = {}) =>
  Object.fromEntries(values(count).map((name) => [name, schema]));

describe("a JSON schema within the limits is taken:", () => {
  it.each<[string, unknown]>([
    ["1,000 enum values", { enum: values(1000) }],
    ["5,000 properties", { properties: properties(5000) }],
    ["120,000 characters of values", { enum: values(100, 1200) }],
    ["a property that is called enum", { properties: { enum: { type: "string" }, properties: {} } }],
    [
      "long descriptions, defaults and examples",
      { description: "x".repeat(1e6), default: { enum: values(2000) } },
    ],
    ["no object", true],
  ])("%s", (_name, schema) => {
    expect(schemaExcess(schema)).toBeUndefined();
  });
});

const EXCESSIVE: [string, object, string][] = [
  ["1,001 enum values", { enum: values(1001) }, "more than 1000 enum values"],
  ["100,000 enum values", { enum: values(100_000) }, "more than 1000 enum values"],
  ["1,001 numbers", { enum: values(1001).map(Number) }, "more than 1000 enum values"],
  [
    "1,001 in two lists",
    { properties: { a: { enum: values(500) }, b: { items: { enum: values(501) } } } },
    "more than 1000 enum values",
  ],
  [
    "1,001 in anyOf",
    { anyOf: values(1001).map((value) => ({ const: value })) },
    "more than 1000 enum values",
  ],
  ["values in definitions", { $defs: { a: { enum: values(1001) } } }, "more than 1000 enum values"],
  [
    "values of a property that is called default",
    { properties: { default: { enum: values(1001) } } },
    "more than 1000 enum values",
  ],
  ["5,001 properties", { properties: properties(5001) }, "more than 5000 properties"],
  [
    "5,100 in all levels",
    { properties: properties(100, { properties: properties(50) }) },
    "more than 5000 properties",
  ],
  ["long values", { enum: values(101, 1200) }, "more than 120000 characters"],
  ["a long value", { const: "x".repeat(120_001) }, "more than 120000 characters"],
  ["a long name", { properties: { ["x".repeat(120_001)]: {} } }, "more than 120000 characters"],
  ["a long definition", { $defs: { ["x".repeat(120_001)]: {} } }, "more than 120000 characters"],
];

describe("a JSON schema over the limits is refused by name, before the model is asked:", () => {
  const app = buildApp(parseModels("simulated", "/"), { chat: 1 << 20, v1: 1 << 24, inAll: 1 << 24 });

  beforeAll(async () => {
    await app.ready();
  });

  afterAll(async () => {
    await app.close();
  });

  const ask = async (more: object) => {
    const body = { messages: [{ role: "user", content: "hi" }], ...more };
    const answer = await app.inject({ method: "POST", url: "/v1/chat/completions", body });
    return { status: answer.statusCode, ...answer.json().error };
  };

  it.each(EXCESSIVE)("%s", async (_name, schema, fault) => {
    expect(
      await ask({ response_format: { type: "json_schema", json_schema: { name: "a", schema } } }),
    ).toEqual({
      status: 400,
      type: "invalid_request_error",
      code: "invalid_value",
      param: "response_format.json_schema.schema",
      message: expect.stringContaining(fault),
    });
    const tool = { type: "function", function: { name: "a", parameters: schema } };
    expect(await ask({ tools: [{ type: "function", function: { name: "b" } }, tool] })).toEqual({
      status: 400,
      type: "invalid_request_error",
      code: "invalid_value",
      param: "tools[1].function.parameters",
      message: expect.stringContaining(fault),
    });
  });

  it("and so is a stop text of more than 1,000 characters", async () => {
    for (const [stop, param] of [
      ["x".repeat(1001), "stop"],
      [["a", "x".repeat(1001)], "stop[1]"],
    ]) {
      expect(await ask({ stop })).toMatchObject({ status: 400, param, code: "invalid_value" });
    }
  });
});
