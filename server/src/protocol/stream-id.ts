import { randomBytes } from "node:crypto";

const FORM = /^str_[\w-]{22}$/;
// A router decodes paths, so an id may have each of its characters escaped.
const ESCAPED = "%(?:2[dD]|3\\d|[46][1-9a-fA-F]|[57][0-9aA]|5[fF])";
const ANYWHERE = new RegExp(`(?:s|%73)(?:t|%74)(?:r|%72)(?:_|%5[fF])(?:[\\w-]|${ESCAPED}){22}`, "g");

/**
 * Makes the id of a resumable stream: `str_` and 128 random bits. A client that knows it can read the stream and end it,
 * so it goes to its own client only; logs show `str_…`.
 */
export function createStreamId(): string {
  return `str_${randomBytes(16).toString("base64url")}`;
}

/** Whether a text has the form of a stream's id. */
export function isStreamId(text: string): boolean {
  return FORM.test(text);
}

/** The text, or URL, with `str_…` in the place of every stream id in it, for logs. */
export function redactStreamIds(text: string): string {
  return text.includes("str_") || text.includes("%") ? text.replace(ANYWHERE, "str_…") : text;
}
