import { wellFormed } from "../schemas/chat.ts";
import { RequestError } from "./errors.ts";

/** Fields that are passed on to an upstream as they came. */
export type Fields = Readonly<Record<string, unknown>>;

/** Levels of objects and lists in them. A value that crosses to a model may be 64 levels deep, with what is around it. */
const MAX_DEPTH = 50;
/** Values in all of a request's, so that a large body is not looked at for long. */
const MAX_VALUES = 20_000;

/** Collects what of one request is passed on to an upstream, and holds it to its bounds. */
export class PassOn {
  #left = MAX_VALUES;

  /**
   * The fields of an object that a schema does not name; undefined where the schema names all.
   *
   * @param known the schema's shape.
   * @param path what stands in front of a field's name in an error, such as `messages[0].`.
   * @throws RequestError where one cannot be passed on.
   */
  unknownIn(given: object, known: object, path = ""): Fields | undefined {
    const fields = Object.entries(given).filter(
      ([name, value]) => !Object.hasOwn(known, name) && value !== null,
    );
    for (const [name, value] of fields) this.check(value, `${path}${name}`);
    return fields.length === 0 ? undefined : Object.fromEntries(fields);
  }

  /** @throws RequestError where a value is more than is passed on, or cannot be. */
  check(value: unknown, param: string, levels = MAX_DEPTH): void {
    if (this.#left-- <= 0) throw refused(param, `the request has more than ${MAX_VALUES} values to pass on`);
    if (typeof value === "string") {
      if (!wellFormed(value)) throw refused(param, "it has half a character in it, which no text can have");
      return;
    }
    if (typeof value !== "object" || value === null) return;
    if (levels === 0) throw refused(param, `it is nested more than ${MAX_DEPTH} levels deep`);
    for (const [name, inner] of Object.entries(value)) {
      this.check(name, param, levels);
      this.check(inner, param, levels - 1);
    }
  }
}

function refused(param: string, why: string): RequestError {
  return new RequestError(400, `Invalid value for '${param}': ${why}.`, param, "invalid_value");
}
