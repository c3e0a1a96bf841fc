import type { GenerateRequest, Message } from "../model.ts";
import type { Wording } from "./dialect.ts";
import type { UpstreamSettings } from "./settings.ts";

/** A request as an OpenAI-compatible upstream reads it. */
export function requestBody(
  request: GenerateRequest,
  { model }: UpstreamSettings,
  { usage, limit }: Wording,
): object {
  const { options = {} } = request;
  const { maxTokens, stop, json, jsonStrict } = options;
  const asked: Message[] = request.prompt === "" ? [] : [{ role: "user", content: request.prompt }];
  // What is undefined is left out of the JSON, and up to the upstream.
  return {
    ...options.passOn,
    model,
    messages: [...request.messages, ...asked].map(toUpstream),
    stream: true,
    stream_options: usage ? { include_usage: true } : undefined,
    [limit]: maxTokens,
    temperature: options.temperature,
    top_p: options.topP,
    frequency_penalty: options.frequencyPenalty,
    presence_penalty: options.presencePenalty,
    seed: options.seed,
    stop: stop?.length === 0 ? undefined : stop,
    tools: options.tools,
    tool_choice: options.toolChoice,
    parallel_tool_calls: options.parallelToolCalls,
    reasoning_effort: options.effort,
    // As it came it says more, such as the schema's name.
    response_format: options.passOn?.["response_format"] ?? formatOf(json, jsonStrict),
  };
}

function formatOf(schema: object | undefined, strict: boolean | undefined): object | undefined {
  if (schema === undefined) return undefined;
  return Object.keys(schema).length === 0
    ? { type: "json_object" }
    : { type: "json_schema", json_schema: { name: "answer", strict, schema } };
}

function toUpstream({ role, content, toolCalls, toolCallId, passOn }: Message): object {
  return {
    role,
    // An assistant that only called tools said nothing.
    content: toolCalls !== undefined && content === "" ? null : content,
    tool_calls: toolCalls,
    tool_call_id: toolCallId,
    // Content of more than text is here too.
    ...passOn,
  };
}
