import { shorten } from "../../shorten.ts";
import { UnsupportedRequestError } from "../unsupported.ts";

/** What the grammar does, or what says nothing about the answer. */
const KEYWORDS: ReadonlySet<string> = new Set([
  ...["type", "const", "enum", "oneOf", "anyOf", "$ref"],
  ...["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
  ...["items", "prefixItems", "minItems", "maxItems", "minLength", "maxLength", "format"],
  ...["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"],
]);

/** What a `$ref` may point into. */
const DEFINITIONS: readonly string[] = ["$defs", "definitions"];

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
 * In how many ways a value may go on: each is tried with each token of the vocabulary. A few lines of `anyOf` in `anyOf`,
 * or of definitions that name two others each, make millions.
 */
const MOST_WAYS = 1000;

/**
 * A JSON schema as node-llama-cpp reads it. What it does not know it would pass over, and the answer would not be of
 * the schema: so that is refused.
 *
 * @throws UnsupportedRequestError that names the first such part.
 */
export function grammarSchema(schema: object): object {
  const defined = new Map(DEFINITIONS.flatMap((key) => definedIn(schema, key)));
  const read = withoutUnknown(schema, defined);
  const $defs = Object.fromEntries([...defined].map(([at, each]) => [at, withoutUnknown(each, defined)]));
  if (new Ways($defs).of(read) > MOST_WAYS) {
    throw new UnsupportedRequestError(
      `This model cannot follow a JSON schema in which a value may be written in more than ${MOST_WAYS} ways.`,
      "response_format",
      "invalid_json_schema",
    );
  }
  return defined.size === 0 ? read : { ...read, $defs };
}

/** Counts the ways in which a value of a schema may be written. What has no alternatives is one. */
class Ways {
  readonly #defined: Readonly<Record<string, unknown>>;
  readonly #known = new Map<string, number>();

  /** @param defined what a `$ref` means, as node-llama-cpp reads it. */
  constructor(defined: Readonly<Record<string, unknown>>) {
    this.#defined = defined;
  }

  of(schema: unknown): number {
    if (!isObject(schema)) return 1;
    const { $ref, enum: values, oneOf, properties, additionalProperties, items, prefixItems } = schema;
    if (typeof $ref === "string") return this.#ofDefinition($ref.slice("#/$defs/".length));
    if (Array.isArray(values)) return values.length;
    if (Array.isArray(oneOf)) return oneOf.reduce<number>((sum, each) => sum + this.of(each), 0);
    // The parts of a value are written one after the other.
    const parts = [Object.values(properties ?? {}), additionalProperties, items, prefixItems].flat();
    return parts.reduce<number>((most, each) => Math.max(most, this.of(each)), 1);
  }

  #ofDefinition(name: string): number {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    // Within itself it is one way more.
    this.#known.set(name, 1);
    const ways = this.of(this.#defined[name]);
    this.#known.set(name, ways);
    return ways;
  }
}

/** What a `$ref` may mean, by where it is, as `$defs/place`. */
type Definitions = ReadonlyMap<string, unknown>;

function definedIn(schema: object, key: string): [string, unknown][] {
  const value: unknown = Reflect.get(schema, key);
  if (value === undefined) return [];
  if (!isObject(value)) throw unsupported(`${key} that is not an object`);
  return Object.entries(value).map(([name, each]) => [`${key}/${name}`, each]);
}

function withoutUnknown(schema: unknown, defined: Definitions): Record<string, unknown> {
  if (schema === true) return withType({});
  if (!isObject(schema)) throw unsupported(shorten(JSON.stringify(schema)));
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    // Those of the whole schema are read where it begins, and a $ref means no others.
    if (DEFINITIONS.includes(key)) continue;
    if (!KEYWORDS.has(key)) throw unsupported(shorten(key));
    const [name, read] = keyword(key, value, defined);
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
  const each = types.map((name) => (name === "object" ? objectOf(rest) : { ...rest, type: name }));
  const [only] = each;
  return each.length === 1 ? { ...only } : { oneOf: each };
}

// It writes all properties that are named and, unless it is told to, no others.
function objectOf(schema: Record<string, unknown>): Record<string, unknown> {
  const { properties, required = [], additionalProperties = properties === undefined } = schema;
  for (const name of [required].flat()) {
    if (!Object.hasOwn(properties ?? {}, String(name)))
      throw unsupported(`required ${shorten(JSON.stringify(name))}, which is not in properties,`);
  }
  return { ...schema, type: "object", additionalProperties };
}

function keyword(key: string, value: unknown, defined: Definitions): [string, unknown] {
  const inner = (schema: unknown) => withoutUnknown(schema, defined);
  switch (key) {
    case "type":
      for (const type of Array.isArray(value) ? value : [value]) {
        if (!TYPES.has(type)) throw unsupported(`type ${shorten(JSON.stringify(type))}`);
      }
      return [key, value];
    case "anyOf":
    case "oneOf":
    case "prefixItems":
      if (!Array.isArray(value) || value.length === 0) throw unsupported(`an empty ${key}`);
      return [key === "anyOf" ? "oneOf" : key, value.map(inner)];
    case "properties":
      if (!isObject(value)) throw unsupported(`${key} that is not an object`);
      return [key, Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inner(each)]))];
    case "enum":
      if (!Array.isArray(value) || value.length === 0) throw unsupported("an empty enum");
      return [key, value];
    case "items":
      return [key, inner(value)];
    case "additionalProperties":
      return [key, typeof value === "boolean" ? value : inner(value)];
    case "$ref": {
      const at = definitionAt(value);
      if (at === undefined) throw unsupported(`$ref ${shorten(JSON.stringify(value))}`);
      // node-llama-cpp would take any JSON for it.
      if (!defined.has(at))
        throw unsupported(`$ref ${shorten(JSON.stringify(value))}, which points nowhere,`);
      return [key, `#/$defs/${at}`];
    }
    default:
      return [key, value];
  }
}

// A JSON pointer in a URI: what may not stand in them is written otherwise.
function definitionAt(ref: unknown): string | undefined {
  if (typeof ref !== "string" || !/^#\/(\$defs|definitions)\/[^/]+$/.test(ref)) return undefined;
  try {
    return decodeURIComponent(ref.slice(2)).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return undefined;
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
