import type { GenerateRequest, Message, Piece } from "../model.ts";
import { UnsupportedRequestError } from "../unsupported.ts";
import type { ChatItem, ChatWrapper, LoadedModel, Token } from "./package.ts";

/** Messages are forgotten so many at once: one at each turn would change the beginning, all of it to be read again. */
const FORGOTTEN_AT_ONCE = 8;

/** The part of the context that is kept for the answer, unless it may only be shorter. */
const ANSWER_SHARE = 1 / 4;

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
  const { maxTokens = contextSize } = request.options ?? {};
  const room = contextSize - Math.max(1, Math.min(maxTokens, Math.floor(contextSize * ANSWER_SHARE)));
  const system = request.messages.filter(({ role }) => role === "system");
  const said = request.messages.filter(({ role }) => role !== "system");
  const write = (forgotten: number, answer: readonly Piece[]) => {
    if (request.options?.raw === true) return writeRaw(request.prompt, model);
    // A conversation that does not end with the user's words has an empty prompt.
    const asked: Message[] = request.prompt === "" ? [] : [{ role: "user", content: request.prompt }];
    const items = [...system, ...said.slice(forgotten), ...asked];
    const chatHistory: ChatItem[] = [...items.map(itemOf), { type: "model", response: responseOf(answer) }];
    return wrapper.generateContextState({ chatHistory }).contextText.tokenize(model.tokenizer);
  };

  let forgotten = leastForgotten(said, room, model);
  let tokens = write(forgotten, []);
  while (tokens.length > room && forgotten < said.length) {
    forgotten = Math.min(said.length, forgotten + FORGOTTEN_AT_ONCE);
    tokens = write(forgotten, []);
  }
  if (tokens.length > room) {
    throw new UnsupportedRequestError(
      `The prompt has ${tokens.length} tokens. This model can read and write ${contextSize} together, and there is room for ${room}.`,
      "messages",
      "context_length_exceeded",
    );
  }
  const promptTokens = tokens.length;
  if (request.emitted.length === 0) return { tokens, promptTokens };
  // On its own, and not behind the prompt's last line: that is how the model wrote it.
  const answered = request.emitted.some(isThought)
    ? write(forgotten, request.emitted)
    : [...tokens, ...answerTokens(request, model)];
  return { tokens: answered, promptTokens };
}

// A first guess from the messages' own lengths, so that a very long history is not written again and again.
function leastForgotten(said: readonly Message[], room: number, model: LoadedModel): number {
  let left = room;
  for (let at = said.length - 1; at >= 0; at--) {
    left -= model.tokenize(said[at]?.content ?? "").length;
    if (left < 0) return Math.min(said.length, Math.ceil((at + 1) / FORGOTTEN_AT_ONCE) * FORGOTTEN_AT_ONCE);
  }
  return 0;
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

// A tokenizer may put a space in front of a text, as in front of words; JSON begins with none.
function answerTokens({ emitted, options = {} }: GenerateRequest, model: LoadedModel): Token[] {
  const space = options.json === undefined ? undefined : "trimLeadingSpace";
  return model.tokenize(textOf(emitted), false, space);
}

function textOf(answer: readonly Piece[]): string {
  return answer.filter((piece) => typeof piece === "string").join("");
}

function isThought(piece: Piece): piece is { reasoning: string } {
  return typeof piece !== "string" && "reasoning" in piece;
}
