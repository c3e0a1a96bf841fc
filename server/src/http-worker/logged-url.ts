import { redactStreamIds } from "../protocol/stream-id.ts";

/** What the value of such a parameter opens is the client's own. */
const SECRETS = new Set([
  ...["auth", "authorization", "bearer", "credential", "credentials", "jwt", "key", "apikey", "accesskey"],
  ...["pass", "passwd", "password", "passphrase", "pwd", "secret", "session", "sessionid", "sid", "sig"],
  ...["signature", "token", "accesstoken", "authtoken", "idtoken", "refreshtoken", "clientsecret"],
]);
/** A parameter of a query, with what stands before it. */
const PARAMETER = /([?&;])([^=&;]+)=([^&;]*)/g;
/** A user's name and password in front of a host, where a proxy sends the whole URL. */
const USER = /^([a-z][a-z\d+.-]*:\/\/)[^/?#@]*@/i;
/** Characters of a URL that the log keeps. */
const LONGEST = 1000;

/**
 * A request's URL as the log may have it: without the values of parameters that are named like a key or a password
 * (`api_key`, `token`, `X-Amz-Signature` …), without stream ids, and of a bounded length.
 */
export function loggedUrl(url: string): string {
  let shown = redactStreamIds(url);
  if (shown.includes("=")) {
    shown = shown.replace(PARAMETER, (whole, before: string, name: string) =>
      isSecret(name) ? `${before}${name}=…` : whole,
    );
  }
  if (shown.includes("@")) shown = shown.replace(USER, "$1…@");
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown;
}

function isSecret(name: string): boolean {
  const words = decode(name)
    .replace(/([a-z\d])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .split(/[^a-z\d]+/);
  return words.some((word) => SECRETS.has(word)) || SECRETS.has(words.join(""));
}

// As often as it may have been encoded by those that it came through.
function decode(name: string): string {
  let at = name;
  for (let times = 0; times < 3 && at.includes("%"); times++) {
    try {
      at = decodeURIComponent(at);
    } catch {
      return at;
    }
  }
  return at;
}
