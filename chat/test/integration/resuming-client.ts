import { open, type Stream } from "../../../server/test/integration/http-tools.ts";
import { partsOf } from "../event-parts.ts";
import type { Chat } from "./start-chat.ts";

/** What an event stream said so far. */
export interface Events {
  /** Number and text of each token. */
  readonly tokens: readonly { readonly id: number; readonly token: string }[];
  /** The places in the queue that were told before the first token. */
  readonly places: readonly number[];
  /** How it ended, where it did: `[DONE]`, or the type of the error. */
  readonly end: string | undefined;
}

/** Reads the events of a resumable stream, whole ones only. Throws where anything else stands in it. */
export function numberedEvents(text: string): Events {
  const tokens: { id: number; token: string }[] = [];
  const places: number[] = [];
  let end: string | undefined;
  // What stands behind the last empty line is an event that was cut.
  for (const part of partsOf(text.slice(0, text.lastIndexOf("\n\n") + 2))) {
    if (part.comment === "keep-alive") continue;
    if (end !== undefined) throw new Error(`behind the end: ${JSON.stringify(part)}`);
    const { id, event, data = "" } = part;
    const value = data === "[DONE]" ? undefined : JSON.parse(data);
    if (event === "queued" && id === undefined && tokens.length === 0) places.push(value.position);
    else if (event !== undefined) throw new Error(`no event of a resumable stream: ${JSON.stringify(part)}`);
    else if (id !== undefined && typeof value?.token === "string")
      tokens.push({ id: Number(id), token: value.token });
    else if (id === undefined && value?.token === undefined) end = value?.error.type ?? data;
    else throw new Error(`no event of a resumable stream: ${JSON.stringify(part)}`);
  }
  return { tokens, places, end };
}

/** Asks for a resumable answer; resolves when its headers are there. */
export function askResumable(chat: Chat, prompt: string, more: object = {}): Promise<Stream> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ prompt, resumable: true, ...more });
  return open(chat, "/chat", { method: "POST", headers, body });
}

/** Asks for the rest of an answer, over a connection of its own; resolves when the headers are there. */
export function readOn(chat: Chat, id: string, after?: number | string): Promise<Stream> {
  const headers: Record<string, string> = after === undefined ? {} : { "last-event-id": String(after) };
  return open(chat, `/chat/streams/${id}`, { headers });
}

/** The id of a stream, from its headers. */
export function idOf({ headers }: Stream): string {
  const id = headers["x-stream-id"];
  if (typeof id !== "string") throw new Error("the answer has no X-Stream-Id");
  return id;
}

/** A reader that puts an answer together from several connections. Throws where a token is repeated or missing. */
export class PatientReader {
  readonly tokens: string[] = [];
  end: string | undefined;

  /** The number of the last token. */
  get last(): number {
    return this.tokens.length;
  }

  get text(): string {
    return this.tokens.join("");
  }

  /** Takes in all that a connection brought. Once for each connection. */
  take({ text }: Stream): void {
    const { tokens, end } = numberedEvents(text);
    for (const { id, token } of tokens) {
      if (id !== this.last + 1) throw new Error(`token ${id} came after token ${this.last}`);
      this.tokens.push(token);
    }
    this.end = end;
  }
}

/** Sends a request that has no body, and reads the answer. */
export async function send(
  chat: Chat,
  method: string,
  id: string,
): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(`${chat.url}/chat/streams/${id}`, { method });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
