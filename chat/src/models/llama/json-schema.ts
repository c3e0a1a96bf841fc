import { UnsupportedRequestError } from "../unsupported.ts";

/** What the grammar does, or what says nothing about the answer. */
const KEYWORDS: ReadonlySet<string> = new Set([
  ...["type", "const", "enum", "oneOf", "anyOf", "$ref", "$defs", "definitions"],
  ...["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
  ...["items", "prefixItems", "minItems", "maxItems", "minLength", "maxLength", "format"],
  ...["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"],
]);

const TYPES: ReadonlySet<unknown> = new Set([
  ...["object", "array", "string", "number", "integer", "boolean", "null"],
]);

/**
 * A JSON schema as node-llama-cpp reads it. What it does not know it would pass over, and the answer would not be of
 * the schema: so that is refused.
 *
 * @throws UnsupportedRequestError that names the first such part.
 */
export function grammarSchema(schema: object): object {
  const { definitions, ...rest } = withoutUnknown(schema);
  return definitions === undefined ? rest : { ...rest, $defs: definitions };
}

function withoutUnknown(schema: unknown): Record<string, unknown> {
  if (!isObject(schema)) throw unsupported(JSON.stringify(schema));
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!KEYWORDS.has(key)) throw unsupported(key);
    const [name, read] = keyword(key, value);
    result[name] = read;
  }
  return result;
}

function keyword(key: string, value: unknown): [string, unknown] {
  switch (key) {
    case "type":
      for (const type of Array.isArray(value) ? value : [value]) {
        if (!TYPES.has(type)) throw unsupported(`type ${JSON.stringify(type)}`);
      }
      return [key, value];
    case "anyOf":
    case "oneOf":
    case "prefixItems":
      if (!Array.isArray(value) || value.length === 0) throw unsupported(`an empty ${key}`);
      return [key === "anyOf" ? "oneOf" : key, value.map(withoutUnknown)];
    case "properties":
    case "$defs":
    case "definitions":
      if (!isObject(value)) throw unsupported(`${key} that is no object`);
      return [
        key,
        Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withoutUnknown(each)])),
      ];
    case "enum":
      if (!Array.isArray(value) || value.length === 0) throw unsupported("an empty enum");
      return [key, value];
    case "items":
      return [key, withoutUnknown(value)];
    case "additionalProperties":
      return [key, typeof value === "boolean" ? value : withoutUnknown(value)];
    case "$ref":
      if (typeof value !== "string" || !/^#\/(\$defs|definitions)\/[^/]+$/.test(value))
        throw unsupported(`$ref ${JSON.stringify(value)}`);
      return [key, value.replace("#/definitions/", "#/$defs/")];
    default:
      return [key, value];
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unsupported(what: string): UnsupportedRequestError {
  return new UnsupportedRequestError(
    `This model cannot follow ${what} in a JSON schema.`,
    "response_format",
    "invalid_json_schema",
  );
}
