import { HIDDEN, hideCredentials } from "../process/hide-credentials.ts";

/** What is in the names of values that only the server should see. */
export const SECRET_WORDS: readonly string[] = ["secret", "token", "password", "key"];

const SECRET = SECRET_WORDS.join("|");
const SECRET_NAME = new RegExp(SECRET, "i");
const NAMED = new RegExp(`([\\w.-]*(?:${SECRET})[\\w.-]*=)[^&;,\\s"]+`, "gi");

/**
 * A copy of a value without its secrets: what has a name like a secret's, the credentials of addresses
 * (`//user:password@`), and `name=value` within texts where the name is one.
 *
 * @param name the name that the value has.
 */
export function hideSecrets(name: string, value: unknown): unknown {
  if (value === undefined || value === null || typeof value === "boolean") return value;
  if (SECRET_NAME.test(name)) return HIDDEN;
  if (typeof value === "string") {
    return hideCredentials(value).replace(NAMED, `$1${HIDDEN}`);
  }
  if (Array.isArray(value)) return value.map((item) => hideSecrets("", item));
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hideSecrets(key, inner)]));
}
