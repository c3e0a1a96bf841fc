import { z } from "zod";
import type { Finish, Piece } from "../model.ts";
import { ModelError } from "../model-error.ts";

const DELTA = z.looseObject({
  content: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  tool_calls: z.array(z.record(z.string(), z.unknown())).nullish(),
});

const CHUNK = z.looseObject({
  error: z.unknown().optional(),
  choices: z.array(z.looseObject({ delta: DELTA.nullish(), finish_reason: z.string().nullish() })).nullish(),
  usage: z.looseObject({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
});

/** What one event of an upstream's stream says. */
export interface UpstreamChunk {
  readonly pieces: readonly Piece[];
  readonly reason?: Finish["reason"];
  readonly usage?: { readonly promptTokens: number; readonly completionTokens: number };
}

const REASONS: Readonly<Record<string, Finish["reason"]>> = {
  length: "length",
  max_tokens: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
};

/**
 * Reads the data of an event.
 *
 * @throws ModelError `upstream_failed` where it is an error, or nothing that OpenAI's API says.
 */
export function readChunk(data: string): UpstreamChunk {
  const parsed = CHUNK.safeParse(parseJson(data));
  if (!parsed.success)
    throw new ModelError("upstream_failed", `the upstream said what is no chunk: ${data.slice(0, 200)}`);
  const { error, choices, usage } = parsed.data;
  if (error !== undefined && error !== null)
    throw new ModelError(
      "upstream_failed",
      `the upstream failed in mid-answer: ${JSON.stringify(error).slice(0, 500)}`,
    );
  const [choice] = choices ?? [];
  const finish = choice?.finish_reason;
  return {
    pieces: piecesOf(choice?.delta ?? {}),
    ...(finish && { reason: REASONS[finish] ?? "stop" }),
    ...(usage && { usage: { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens } }),
  };
}

function piecesOf({ content, reasoning_content, reasoning, tool_calls }: z.infer<typeof DELTA>): Piece[] {
  const pieces: Piece[] = [];
  const thought = reasoning_content || reasoning;
  if (thought) pieces.push({ reasoning: thought });
  if (content) pieces.push(content);
  if (tool_calls && tool_calls.length > 0) pieces.push({ toolCalls: tool_calls });
  return pieces;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
