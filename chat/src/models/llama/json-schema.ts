import { UnsupportedRequestError } from "../unsupported.ts";

/** What the grammar does, or what says nothing about the answer. */
const KEYWORDS: ReadonlySet<string> = new Set([
  ...["type", "const", "enum", "oneOf", "anyOf", "$ref", "$defs", "definitions"],
  ...["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
  ...["items", "prefixItems", "minItems", "maxItems", "minLength", "maxLength", "format"],
  ...["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"],
]);

const ANY_TYPE: readonly string[] = ["object", "array", "string", "number", "boolean", "null"];

const TYPES: ReadonlySet<unknown> = new Set([...ANY_TYPE, "integer"]);

/** What says all of an answer; its type is not looked at. */
const WHOLE: readonly string[] = ["const", "enum", "oneOf", "$ref"];

/** Whose keywords say the type where nothing else does. */
const TYPE_OF: Readonly<Record<string, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems"],
  string: ["minLength", "maxLength", "format"],
};

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
  if (schema === true) return withType({});
  if (!isObject(schema)) throw unsupported(JSON.stringify(schema));
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!KEYWORDS.has(key)) throw unsupported(key);
    const [name, read] = keyword(key, value);
    result[name] = read;
  }
  return withType(result);
}

// node-llama-cpp sees a type's keywords only where that is the one type, and takes a schema without one for null.
function withType(schema: Record<string, unknown>): Record<string, unknown> {
  if (WHOLE.some((key) => schema[key] !== undefined)) return schema;
  const { type, ...rest } = schema;
  const meant = Object.keys(TYPE_OF).find((name) => TYPE_OF[name]?.some((key) => key in rest));
  const types = [type ?? meant ?? ANY_TYPE].flat();
  if (types.length === 0) throw unsupported("an empty type");
  const { $defs, definitions, ...own } = rest;
  const each = types.map((name) => (name === "object" ? objectOf(own) : { ...own, type: name }));
  const [only] = each;
  return {
    ...(each.length === 1 ? only : { oneOf: each }),
    ...($defs !== undefined && { $defs }),
    ...(definitions !== undefined && { definitions }),
  };
}

// It writes all properties that are named and, unless it is told to, no others.
function objectOf(schema: Record<string, unknown>): Record<string, unknown> {
  const { properties, required = [], additionalProperties = properties === undefined } = schema;
  for (const name of [required].flat()) {
    if (!Object.hasOwn(properties ?? {}, String(name)))
      throw unsupported(`required ${JSON.stringify(name)}, which is not in properties,`);
  }
  return { ...schema, type: "object", additionalProperties };
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
