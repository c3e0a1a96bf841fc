import { describe, expect, it } from "vitest";
import { grammarSchema } from "../../../src/models/llama/json-schema.ts";

const repeated = (count: number, schema: object) => Array(count).fill(schema);

/** Definitions, each of which is one of the next one twice: 2 to the power of their number. */
function doubling(count: number) {
  const $defs: Record<string, object> = { [`d${count}`]: { type: "string" } };
  for (let at = 0; at < count; at++) $defs[`d${at}`] = { anyOf: repeated(2, { $ref: `#/$defs/d${at + 1}` }) };
  return { $ref: "#/$defs/d0", $defs };
}

/** Alternatives that begin alike, in each other. */
function nested(levels: number, alternatives: number): object {
  let schema: object = { type: "string" };
  for (let at = 0; at < levels; at++)
    schema = { anyOf: repeated(alternatives, { type: "object", properties: { a: schema } }) };
  return schema;
}

describe("a JSON schema of too many ways is refused before a grammar is made of it:", () => {
  it.each<[string, object]>([
    ["definitions that double", doubling(40)],
    ["alternatives in alternatives", nested(15, 2)],
    ["alternatives of an enum", { anyOf: repeated(20, { enum: Array.from({ length: 60 }, (_, at) => at) }) }],
    ["in a list", { type: "array", items: nested(10, 3) }],
    ["behind another property", { properties: { a: { type: "string" }, b: nested(10, 3) } }],
    ["as any other property", { additionalProperties: nested(10, 3) }],
  ])("%s", (_name, schema) => {
    expect(() => grammarSchema(schema)).toThrow("more than 1000 ways");
  });
});

describe("other schemas are taken:", () => {
  it.each<[string, object]>([
    ["nine levels of two", nested(9, 2)],
    ["an enum of 1,000", { enum: Array.from({ length: 1000 }, (_, at) => at) }],
    [
      "forty properties that may be null",
      { properties: Object.fromEntries(repeated(40, {}).map((_, at) => [at, { type: ["string", "null"] }])) },
    ],
    [
      "a definition that names itself",
      {
        $ref: "#/$defs/a",
        $defs: { a: { properties: { a: { anyOf: [{ $ref: "#/$defs/a" }, { type: "null" }] } } } },
      },
    ],
  ])("%s", (_name, schema) => {
    expect(() => grammarSchema(schema)).not.toThrow();
  });
});
