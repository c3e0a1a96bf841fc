import type { Piece } from "../model.ts";
import { isObject, type JsonObject, listOf, textOf } from "./json.ts";

/** What an upstream says besides tool calls. */
export type Said = Exclude<Piece, { readonly toolCalls: unknown }>;

/** The names under which thoughts stand in a delta or a message. Where there are several, they say the same. */
const THOUGHTS = ["reasoning_content", "reasoning", "thinking", "reasoning_details"] as const;

/** What a delta, or a message, says: its thought, its text and its refusal, in this order. */
export function saidOf(delta: JsonObject): Said[] {
  const said: Said[] = [];
  const thought = thoughtOf(delta);
  if (thought !== "") said.push({ reasoning: thought });
  const { content, refusal } = delta;
  if (typeof content === "string") {
    if (content !== "") said.push(content);
  } else if (content !== undefined && content !== null) {
    for (const part of listOf(content)) said.push(...partOf(part));
  }
  if (typeof refusal === "string" && refusal !== "") said.push({ refusal });
  return said;
}

function thoughtOf(delta: JsonObject): string {
  for (const name of THOUGHTS) {
    const value = delta[name];
    if (value === undefined || value === null || value === "") continue;
    const text = plainText(value);
    if (text !== "") return text;
  }
  return "";
}

/** A part of a list, as `{"type": "text", "text": "…"}`. One that is not text, such as a reference, says nothing. */
function partOf(part: unknown): Said[] {
  if (!isObject(part)) return asText(plainText(part));
  const { type, refusal } = part;
  const refused = textOf(refusal);
  if (refused !== undefined) return [{ refusal: refused }];
  if (type === "thinking" || type === "reasoning" || type === "reasoning.text") {
    const reasoning = plainText(part["thinking"] ?? part["reasoning"] ?? part);
    return reasoning === "" ? [] : [{ reasoning }];
  }
  return asText(plainText(part));
}

function asText(text: string): Said[] {
  return text === "" ? [] : [text];
}

/** The text in a value: itself, or that of its parts. */
function plainText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.map(plainText).join("");
  if (!isObject(value)) return "";
  return plainText(value["text"] ?? value["content"] ?? value["value"] ?? "");
}
