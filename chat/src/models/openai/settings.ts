const DEFAULT_BASE_URL = "https://api.openai.com/v1";

/** Where an upstream is, and how long it may take. */
export interface UpstreamSettings {
  /** The upstream's name for the model. */
  readonly model: string;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** Undefined where the upstream asks for none. */
  readonly key?: string;
  /** The user and password of the address, which are sent as HTTP's basic authentication (RFC 7617) instead of a key. */
  readonly login?: { readonly user: string; readonly password: string };
  /** The longest that it may say nothing. */
  readonly silenceMs: number;
  /** OpenAI's own name for the limit of an answer is newer than what most others know. */
  readonly limit: "max_completion_tokens" | "max_tokens";
}

/**
 * Reads the settings of upstream models from environment variables; they hold for each of them.
 *
 * | variable | default | meaning |
 * |---|---|---|
 * | `OPENAI_BASE_URL` | OpenAI's | address of the API, as `http://127.0.0.1:8080/v1`; also `--openai-base-url`. It may have a user and a password in it |
 * | `OPENAI_API_KEY` | unset | the key; OpenAI itself needs one |
 * | `CHAT_OPENAI_SILENCE` | `30` | the most seconds that the upstream may say nothing |
 *
 * @throws Error that names the variable and what is wrong with it. It never has the key or a password in it.
 */
export function upstreamSettings(env: NodeJS.ProcessEnv, model: string): UpstreamSettings {
  const text = env["OPENAI_BASE_URL"] || DEFAULT_BASE_URL;
  const address = URL.canParse(text) ? new URL(text) : undefined;
  if (address === undefined || !/^https?:$/.test(address.protocol))
    throw new Error(
      `OPENAI_BASE_URL must be an address such as http://127.0.0.1:8080/v1, not ${JSON.stringify(withoutLogin(text))}`,
    );
  const login = loginOf(address);
  const key = env["OPENAI_API_KEY"] || undefined;
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key))
    throw new Error("OPENAI_API_KEY has a character in it that no key has; look for white space at its end");
  if (key !== undefined && login !== undefined)
    throw new Error(
      "OPENAI_API_KEY is set, and OPENAI_BASE_URL has a user in it: an upstream reads only one of them. Take one away",
    );
  const own = address.href === DEFAULT_BASE_URL || address.hostname === "api.openai.com";
  if (own && key === undefined)
    throw new Error(
      "OPENAI_API_KEY is not set. OpenAI answers only with it; --openai-base-url names another upstream",
    );
  const seconds = env["CHAT_OPENAI_SILENCE"] || "30";
  if (!/^[1-9]\d{0,4}$/.test(seconds))
    throw new Error(
      `CHAT_OPENAI_SILENCE must be whole seconds from 1 to 99999, not ${JSON.stringify(seconds)}`,
    );
  address.username = "";
  address.password = "";
  address.hash = "";
  return {
    model,
    baseUrl: address.href.replace(/\/+(?=\?|$)/, ""),
    ...(key !== undefined && { key }),
    ...(login !== undefined && { login }),
    silenceMs: Number(seconds) * 1000,
    limit: own ? "max_completion_tokens" : "max_tokens",
  };
}

function loginOf({ username, password }: URL): UpstreamSettings["login"] {
  if (username === "" && password === "") return undefined;
  try {
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    throw new Error(
      "OPENAI_BASE_URL has a user or a password in it with a % that begins no escape; write a % as %25",
    );
  }
}

/** An address for people: what stands in front of its last @ may be a password. */
function withoutLogin(address: string): string {
  return address.replace(/^(\w+:\/\/)?.*@/s, "$1…@");
}
