import type { Piece, ToolCall } from "../models/model.ts";

/**
 * The tool calls of a whole answer. In its pieces they come as OpenAI streams them: the first part of a call has its id
 * and name, the others more of its arguments, and `index` says which call they belong to.
 */
export function mergeToolCalls(pieces: readonly Piece[]): ToolCall[] {
  const calls = new Map<unknown, Record<string, unknown>>();
  for (const piece of pieces) {
    if (typeof piece === "string" || !("toolCalls" in piece)) continue;
    for (const { index = 0, ...part } of piece.toolCalls) {
      const call = calls.get(index);
      if (call === undefined) calls.set(index, part);
      else calls.set(index, { ...call, ...part, function: merge(call.function, part.function) });
    }
  }
  return [...calls.values()];
}

function merge(before: unknown, after: unknown): Record<string, unknown> {
  const first = { ...(before as object) } as Record<string, unknown>;
  const second = { ...(after as object) } as Record<string, unknown>;
  return { ...first, ...second, arguments: `${first.arguments ?? ""}${second.arguments ?? ""}` };
}
