/** The most values that `enum` and `const` may name in one JSON schema. */
export const MAX_ENUM_VALUES = 1000;
/** The most properties that one may name. */
export const MAX_PROPERTIES = 5000;
/** The most characters that the names of its properties and definitions, and those values, may have together. */
export const MAX_NAME_CHARACTERS = 120_000;

/** Keywords that give schemas names. */
const NAMED = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);
/** Those whose names are properties. */
const PROPERTIES = new Set(["properties", "patternProperties"]);
/** Keywords with data in which no schema stands, and which nothing is made of. */
const DATA = new Set(["default", "example", "examples"]);

/**
 * What of a JSON schema is over OpenAI's limits, or undefined. What a model makes of a schema, such as a grammar, grows
 * with these, and so does each of its steps.
 *
 * @see https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
 */
export function schemaExcess(schema: unknown): string | undefined {
  const size = { values: 0, properties: 0, characters: 0 };
  measure(schema, size);
  if (size.values > MAX_ENUM_VALUES) return `it has more than ${MAX_ENUM_VALUES} enum values`;
  if (size.properties > MAX_PROPERTIES) return `it has more than ${MAX_PROPERTIES} properties`;
  if (size.characters > MAX_NAME_CHARACTERS)
    return `its names and enum values have more than ${MAX_NAME_CHARACTERS} characters`;
  return undefined;
}

interface Size {
  values: number;
  properties: number;
  characters: number;
}

function measure(schema: unknown, size: Size): void {
  if (typeof schema !== "object" || schema === null) return;
  if (Array.isArray(schema)) {
    for (const each of schema) measure(each, size);
    return;
  }
  for (const [key, value] of Object.entries(schema)) {
    if (key === "enum" && Array.isArray(value)) {
      for (const each of value) addValue(each, size);
    } else if (key === "const") {
      addValue(value, size);
    } else if (NAMED.has(key) && typeof value === "object" && value !== null) {
      for (const [name, each] of Object.entries(value)) {
        if (PROPERTIES.has(key)) size.properties++;
        size.characters += name.length;
        measure(each, size);
      }
    } else if (!DATA.has(key)) {
      measure(value, size);
    }
  }
}

function addValue(value: unknown, size: Size): void {
  size.values++;
  size.characters += typeof value === "string" ? value.length : JSON.stringify(value).length;
}
