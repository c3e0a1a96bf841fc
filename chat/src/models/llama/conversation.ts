import { fitConversation } from "../conversation-fit.ts";
import type { GenerateRequest, Message, Piece } from "../model.ts";
import type { ChatItem, ChatWrapper, LoadedModel, Token } from "./package.ts";

/** A conversation as the model reads it. */
export interface ReadConversation {
  /** All of it, and the beginning of the answer where that is there already. */
  readonly tokens: Token[];
  /** How many of them are the conversation's, not the answer's. */
  readonly promptTokens: number;
}

/**
 * Writes a conversation as tokens. Where it is too long for the context, its oldest messages are left out, but for
 * those of the system.
 *
 * @param contextSize the most tokens that the model can read and write together.
 * @throws UnsupportedRequestError where the prompt alone is too long.
 */
export function readConversation(
  request: GenerateRequest,
  wrapper: ChatWrapper,
  model: LoadedModel,
  contextSize: number,
): ReadConversation {
  const write = (messages: readonly Message[], answer: readonly Piece[]) => {
    if (request.options?.raw === true) return writeRaw(request.prompt, model);
    const chatHistory: ChatItem[] = [
      ...messages.map(itemOf),
      { type: "model", response: responseOf(answer) },
    ];
    return wrapper.generateContextState({ chatHistory }).contextText.tokenize(model.tokenizer);
  };
  const { messages, tokens } = fitConversation(request, contextSize, {
    write: (messages) => write(messages, []),
    count: (text) => model.tokenize(text).length,
  });
  const promptTokens = tokens.length;
  if (request.emitted.length === 0) return { tokens, promptTokens };
  // On its own, and not behind the prompt's last line: that is how the model wrote it.
  const answered = request.emitted.some(isThought)
    ? write(messages, request.emitted)
    : [...tokens, ...answerTokens(request, model)];
  return { tokens: answered, promptTokens };
}

function writeRaw(text: string, model: LoadedModel): Token[] {
  const { bos, shouldPrependBosToken } = model.tokens;
  const tokens = model.tokenize(text);
  return bos !== null && (shouldPrependBosToken || tokens.length === 0) ? [bos, ...tokens] : tokens;
}

// These models have no tools: what a tool said, in a conversation that began with another model, is read as the user's.
function itemOf({ role, content }: Message): ChatItem {
  if (role === "assistant") return { type: "model", response: [content] };
  return { type: role === "system" ? "system" : "user", text: content };
}

function responseOf(answer: readonly Piece[]): Extract<ChatItem, { type: "model" }>["response"] {
  const thought = answer.map((piece) => (isThought(piece) ? piece.reasoning : "")).join("");
  const text = textOf(answer);
  if (thought === "") return [text];
  const segment = { type: "segment", segmentType: "thought", text: thought, ended: text !== "" } as const;
  return text === "" ? [segment] : [segment, text];
}

// A tokenizer may put a space in front of a text, as in front of words; JSON begins with none, and what goes on with a
// text has its own.
function answerTokens({ prompt, emitted, options = {} }: GenerateRequest, model: LoadedModel): Token[] {
  const { json, raw = false } = options;
  const space = json !== undefined || (raw && prompt !== "") ? "trimLeadingSpace" : undefined;
  return model.tokenize(textOf(emitted), false, space);
}

function textOf(answer: readonly Piece[]): string {
  return answer.filter((piece) => typeof piece === "string").join("");
}

function isThought(piece: Piece): piece is { reasoning: string } {
  return typeof piece !== "string" && "reasoning" in piece;
}
