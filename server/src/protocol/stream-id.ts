import { randomBytes } from "node:crypto";

const FORM = /^str_[\w-]{22}$/;
const ANYWHERE = /str_[\w-]{22}/g;

/**
 * Makes the id of a resumable stream: `str_` and 128 random bits. Whoever knows it can read the stream and end
 * it, so it goes to its own client only; logs show `str_…`.
 */
export function createStreamId(): string {
  return `str_${randomBytes(16).toString("base64url")}`;
}

/** Whether a text has the form of a stream's id. */
export function isStreamId(text: string): boolean {
  return FORM.test(text);
}

/** The text with `str_…` in the place of every stream id in it, for logs. */
export function redactStreamIds(text: string): string {
  return text.includes("str_") ? text.replace(ANYWHERE, "str_…") : text;
}
