import { member } from "./json.ts";
import type { SseEvent } from "./sse.ts";

/** What one event of an answer says. */
export type ChatEvent =
  | { readonly type: "token"; readonly token: string; readonly number: number | undefined }
  | { readonly type: "queued"; readonly place: number }
  | { readonly type: "error"; readonly error: string; readonly message: string }
  | { readonly type: "done" };

const BROKEN = "The answer broke off.";

/** Reads an event; undefined for one that this page does not know, which a newer server may send. */
export function readChatEvent({ event, id, data }: SseEvent): ChatEvent | undefined {
  if (event === "queued") {
    const place = member(parse(data), "position");
    return typeof place === "number" ? { type: "queued", place } : undefined;
  }
  if (event !== "message") return undefined;
  if (data === "[DONE]") return { type: "done" };
  const value = parse(data);
  if (value === undefined) {
    return {
      type: "error",
      error: "not_an_answer",
      message: "The server sent something that is not an answer.",
    };
  }
  const token = member(value, "token");
  if (typeof token === "string") return { type: "token", token, number: numberOf(id) };
  const error = member(value, "error");
  if (error === undefined) return undefined;
  const type = member(error, "type");
  const message = member(error, "message");
  return {
    type: "error",
    error: typeof type === "string" ? type : "unknown",
    message: typeof message === "string" ? message : BROKEN,
  };
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

function numberOf(id: string | undefined): number | undefined {
  return id !== undefined && /^\d{1,15}$/.test(id) ? Number(id) : undefined;
}
