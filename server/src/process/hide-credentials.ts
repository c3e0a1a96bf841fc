/** What stands where a secret was. */
export const HIDDEN = "(hidden)";

// The whole part before the last @ of an address: a user alone may be an access token.
const CREDENTIALS = /\/\/[^/?#\s"]*@/g;

/** A text without the credentials of the addresses in it: `//user:password@host` becomes `//(hidden)@host`. */
export function hideCredentials(text: string): string {
  return text.includes("@") ? text.replace(CREDENTIALS, `//${HIDDEN}@`) : text;
}
