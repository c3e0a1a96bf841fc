import type { Finish } from "../model.ts";
import { isObject } from "./json.ts";

const REASONS: Readonly<Record<string, Finish["reason"] | "error">> = {
  length: "length",
  max_tokens: "length",
  max_output_tokens: "length",
  model_length: "length",
  incomplete: "length",
  tool_calls: "tool_calls",
  tool_call: "tool_calls",
  tool_use: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
  content_filtered: "content_filter",
  safety: "content_filter",
  sensitive: "content_filter",
  recitation: "content_filter",
  blocklist: "content_filter",
  prohibited_content: "content_filter",
  guardrail_intervened: "content_filter",
  error: "error",
  failed: "error",
  failure: "error",
  abort: "error",
  aborted: "error",
  cancelled: "error",
  canceled: "error",
  timeout: "error",
  server_error: "error",
  network_error: "error",
  insufficient_system_resource: "error",
};

/**
 * Why an upstream says that it ended; `error` where it failed, and undefined where it goes on. A word that is not known,
 * such as `eos` or `end_turn`, is `stop`.
 */
export function finishOf(value: unknown): Finish["reason"] | "error" | undefined {
  const word = isObject(value) ? value["type"] : value;
  if (typeof word !== "string" || word === "" || word === "null") return undefined;
  const known = word.toLowerCase().replaceAll("-", "_");
  return Object.hasOwn(REASONS, known) ? REASONS[known] : "stop";
}
