import type { z } from "zod";
import type { GenerateOptions, Message } from "../models/model.ts";
import type { CompleteRequest } from "../models/model-app.ts";
import { RequestError } from "./errors.ts";
import { type Fields, PassOn } from "./pass-on.ts";
import {
  ChatCompletionRequest,
  ChatMessage,
  type ChatMessageInput,
  CompletionRequest,
  type SamplingInput,
} from "./schemas.ts";

/**
 * What a chat completion asks of a model.
 *
 * @param isUpstream whether that knows more of OpenAI's API than we do, and is to have it as it came.
 * @throws RequestError where it is more than the model can be asked.
 */
export function chatToRequest(
  body: z.output<typeof ChatCompletionRequest>,
  isUpstream = false,
): CompleteRequest {
  const { reasoning_effort: effort, tools, tool_choice: toolChoice, parallel_tool_calls, thinking } = body;
  const passOn = isUpstream ? new PassOn() : undefined;
  const messages = body.messages.map((message, at) => toMessage(message, at, passOn));
  const last = messages.at(-1);
  const hasPrompt = last?.role === "user" && last.content !== "" && last.passOn === undefined;
  const passedOn = passOn && bodyToPassOn(body, passOn);
  return {
    prompt: hasPrompt ? last.content : "",
    messages: hasPrompt ? messages.slice(0, -1) : messages,
    thinking:
      typeof thinking === "object" && thinking !== null
        ? thinking.type !== "disabled"
        : (thinking ?? (effort != null && effort !== "none")),
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
      ...(passedOn !== undefined && { passOn: passedOn }),
    },
  };
}

/** What a completion asks of a model. @param isUpstream as in {@link chatToRequest}. */
export function completionToRequest(
  body: z.output<typeof CompletionRequest>,
  isUpstream = false,
): CompleteRequest {
  const prompt = [body.prompt].flat().join("");
  const passOn = isUpstream ? new PassOn().unknownIn(body, CompletionRequest.shape) : undefined;
  const options = {
    ...samplingOf(body, body.max_tokens),
    raw: true,
    ...(passOn !== undefined && { passOn }),
  };
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

function bodyToPassOn(body: z.output<typeof ChatCompletionRequest>, passOn: PassOn): Fields | undefined {
  const { thinking, response_format: format } = body;
  const fields = {
    ...passOn.unknownIn(body, ChatCompletionRequest.shape),
    ...(typeof thinking === "object" && thinking !== null && { thinking }),
    // As it came it says more than we read of it, such as the schema's name.
    ...(format != null && format.type !== "text" && { response_format: format }),
  };
  if (format != null) passOn.check(format, "response_format");
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function toMessage(message: ChatMessageInput, at: number, passOn: PassOn | undefined): Message {
  const { role, content, tool_calls, tool_call_id } = message;
  if (content == null && role !== "assistant") {
    const param = `messages[${at}].content`;
    throw new RequestError(
      400,
      `Missing required parameter: '${param}'.`,
      param,
      "missing_required_parameter",
    );
  }
  const parts = typeof content === "string" ? [] : (content ?? []);
  const passedOn = passOn?.unknownIn(message, ChatMessage.shape, `messages[${at}].`);
  if (passOn === undefined) refuseOtherParts(parts, at);
  // Not every upstream knows lists of parts, so what is text alone is sent as text.
  const isMore =
    passOn !== undefined && parts.some((part) => part.type !== "text" || Object.keys(part).length > 2);
  if (isMore) passOn.check(parts, `messages[${at}].content`);
  return {
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : parts.map((part) => part.text ?? "").join(""),
    ...(tool_calls != null && tool_calls.length > 0 && { toolCalls: tool_calls }),
    ...(tool_call_id != null && { toolCallId: tool_call_id }),
    ...((isMore || passedOn !== undefined) && { passOn: { ...passedOn, ...(isMore && { content: parts }) } }),
  };
}

function refuseOtherParts(parts: readonly { readonly type: string }[], at: number): void {
  const other = parts.findIndex(({ type }) => type !== "text");
  if (other === -1) return;
  const param = `messages[${at}].content[${other}].type`;
  throw new RequestError(
    400,
    `Invalid value for '${param}': this model reads text alone, so a part must be of the type 'text'.`,
    param,
    "invalid_value",
  );
}
