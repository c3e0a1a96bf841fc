/** A call of a function that a model asks for, in OpenAI's form. */
export type ToolCall = Readonly<Record<string, unknown>>;

/** Something that was said in a conversation. */
export interface Message {
  readonly role: "user" | "assistant" | "system" | "tool";
  readonly content: string;
  /** What an assistant asked for, in OpenAI's form. Only where the model has tools. */
  readonly toolCalls?: readonly ToolCall[];
  /** Which call a tool's message answers. */
  readonly toolCallId?: string;
  /**
   * Fields of OpenAI's API that only an upstream knows, as they came, such as `reasoning_content`; and `content` itself,
   * where it is a list of more than text.
   */
  readonly passOn?: Readonly<Record<string, unknown>>;
}

/** How an answer is to be made. What is left out is up to the model. */
export interface GenerateOptions {
  /** The most tokens that the answer may have, those of its thinking too. */
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  /**
   * How much less likely each token becomes that the answer has already, as in OpenAI's API: this much for each time,
   * and that much once, off its logit. From -2 to 2. The prompt's tokens do not count.
   */
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  /** The same request with the same seed has the same answer, as far as the model can. */
  readonly seed?: number;
  /** The answer ends before the first of these that it would say. Thinking is not looked at. */
  readonly stop?: readonly string[];
  /** The answer is JSON: of this JSON schema, or any object where it is empty. */
  readonly json?: object;
  /** Whether an upstream is to hold to the schema to the letter, for which OpenAI refuses many; its default where left out. */
  readonly jsonStrict?: boolean;
  /** What the model may call, in OpenAI's form. */
  readonly tools?: readonly object[];
  /** Whether it must, in OpenAI's form. */
  readonly toolChoice?: string | object;
  /** Whether it may call several at once, where an upstream is asked. */
  readonly parallelToolCalls?: boolean;
  /** How long an upstream is to think, in its own words; `thinking` says whether its thoughts are wanted. */
  readonly effort?: string;
  /** The prompt is the beginning of a text, which is to be continued as it stands. A model may take it as a message. */
  readonly raw?: boolean;
  /** Fields of OpenAI's API that only an upstream knows, as they came, such as `logit_bias`. */
  readonly passOn?: Readonly<Record<string, unknown>>;
}

/** What a model is asked for. */
export interface GenerateRequest {
  /**
   * The user's message, as sent. Empty where a conversation does not end with one: what is to be answered, such as a
   * tool's result, is then the last of `messages`.
   */
  readonly prompt: string;
  /** What was said before the prompt, oldest first; empty where a conversation begins. */
  readonly messages: readonly Message[];
  /** Whether the answer begins with a visible thinking phase. */
  readonly thinking: boolean;
  /**
   * The pieces of this answer that its reader has already, from a worker that died while it made them. Empty
   * where the answer begins.
   */
  readonly emitted: readonly Piece[];
  readonly options?: GenerateOptions;
}

/**
 * A part of an answer, of one token where the model can say so: text, a part of the thinking phase, a part of a refusal,
 * or parts of tool calls as in OpenAI's `delta.tool_calls`.
 */
export type Piece =
  | string
  | { readonly reasoning: string }
  | { readonly refusal: string }
  | { readonly toolCalls: readonly ToolCall[] };

/** Whether a chunk that came over the wire is a piece. */
export function isPiece(chunk: unknown): chunk is Piece {
  if (typeof chunk === "string") return true;
  if (typeof chunk !== "object" || chunk === null) return false;
  if ("reasoning" in chunk) return typeof chunk.reasoning === "string";
  if ("refusal" in chunk) return typeof chunk.refusal === "string";
  return (
    "toolCalls" in chunk &&
    Array.isArray(chunk.toolCalls) &&
    chunk.toolCalls.every((call: unknown) => typeof call === "object" && call !== null)
  );
}

/** How an answer ended, and what it took. */
export interface Finish {
  /** `stop`: it is whole, or a stop string came. `length`: `maxTokens`, or all that the model has room for. */
  readonly reason: "stop" | "length" | "tool_calls" | "content_filter";
  /** The model's own count of what it was asked. */
  readonly promptTokens: number;
  /** The model's own count of what it made, the thinking phase and all that was emitted before included. */
  readonly completionTokens: number;
}

/** The one interface that every model of the chat stands behind. */
export interface Model {
  /**
   * Streams the answer to one request. Joined, the pieces are the exact text. What the model cannot do, such as
   * tools, it refuses with an `UnsupportedRequestError` before the first piece.
   *
   * A request with `emitted` pieces is in mid-answer: the stream begins with the piece after them. It repeats
   * none, it leaves none out, and it does not take again the time that they took. A model that draws its tokens
   * at random reads them as the beginning of its own answer and goes on from there, so it must look at the
   * pieces, and not only at their number. The thinking phase counts: its pieces are emitted like all others.
   *
   * @param request what to answer.
   * @param signal ends the stream at once when aborted: the iteration then throws the signal's reason, so
   *   that an answer cut short is never taken for a whole one.
   */
  stream(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<Piece, Finish, undefined>;

  /** The embedding of each input, in their order. Only a model that has it can. */
  embed?(inputs: readonly string[], signal: AbortSignal): Promise<number[][]>;

  /** How many tokens a text is. Where a model cannot say, the words and marks of embedded texts are counted. */
  countTokens?(text: string): number;

  /** Frees all that the model took. Nothing runs when it is called, and nothing is asked of the model after it. */
  close?(): Promise<void>;
}
