import type { z } from "zod";
import type { GenerateOptions, Message } from "../models/model.ts";
import type { CompleteRequest } from "../models/model-app.ts";
import { RequestError } from "./errors.ts";
import type { ChatCompletionRequest, ChatMessageInput, CompletionRequest, SamplingInput } from "./schemas.ts";

/** What a chat completion asks of a model. */
export function chatToRequest(body: z.output<typeof ChatCompletionRequest>): CompleteRequest {
  const { reasoning_effort: effort, tools, tool_choice: toolChoice, parallel_tool_calls } = body;
  const messages = body.messages.map(toMessage);
  const last = messages.at(-1);
  const hasPrompt = last?.role === "user" && last.content !== "";
  return {
    prompt: hasPrompt ? last.content : "",
    messages: hasPrompt ? messages.slice(0, -1) : messages,
    thinking: body.thinking ?? (effort != null && effort !== "none"),
    options: {
      ...samplingOf(body, body.max_completion_tokens ?? body.max_tokens),
      ...jsonOf(body.response_format),
      ...(effort != null && { effort }),
      ...(tools != null &&
        tools.length > 0 && {
          tools,
          ...(toolChoice != null && { toolChoice }),
          ...(parallel_tool_calls != null && { parallelToolCalls: parallel_tool_calls }),
        }),
    },
  };
}

/** What a completion asks of a model. */
export function completionToRequest(body: z.output<typeof CompletionRequest>): CompleteRequest {
  const prompt = [body.prompt].flat().join("");
  const options = { ...samplingOf(body, body.max_tokens), raw: true };
  return { prompt, messages: [], thinking: false, options };
}

/** Whether a stream is to end with usage. */
export function wantsUsage({ stream, stream_options }: SamplingInput): boolean {
  if (stream_options != null && stream !== true) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    throw new RequestError(400, message, "stream_options", "invalid_value");
  }
  return stream_options?.include_usage === true;
}

function samplingOf(body: SamplingInput, maxTokens: number | null | undefined): GenerateOptions {
  const { temperature, top_p: topP, seed, stop } = body;
  const { frequency_penalty: frequencyPenalty, presence_penalty: presencePenalty } = body;
  const stops = stop == null ? [] : [stop].flat();
  // What was not sent is not there: it crosses to the model as it is.
  return {
    ...(maxTokens != null && { maxTokens }),
    ...(temperature != null && { temperature }),
    ...(topP != null && { topP }),
    ...(seed != null && { seed }),
    ...(frequencyPenalty != null && { frequencyPenalty }),
    ...(presencePenalty != null && { presencePenalty }),
    ...(stops.length > 0 && { stop: stops }),
  };
}

function jsonOf(format: z.output<typeof ChatCompletionRequest>["response_format"]): GenerateOptions {
  if (format == null || format.type === "text") return {};
  if (format.type !== "json_schema") return { json: {} };
  const { schema, strict } = format.json_schema;
  return { json: schema ?? {}, ...(strict != null && { jsonStrict: strict }) };
}

function toMessage({ role, content, tool_calls, tool_call_id }: ChatMessageInput, at: number): Message {
  if (content == null && role !== "assistant") {
    const param = `messages[${at}].content`;
    throw new RequestError(
      400,
      `Missing required parameter: '${param}'.`,
      param,
      "missing_required_parameter",
    );
  }
  return {
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : (content ?? []).map((part) => part.text).join(""),
    ...(tool_calls != null && tool_calls.length > 0 && { toolCalls: tool_calls }),
    ...(tool_call_id != null && { toolCallId: tool_call_id }),
  };
}
