import { cannotFit } from "./cannot-fit.ts";
import type { GenerateRequest, Message } from "./model.ts";
import { UnsupportedRequestError } from "./unsupported.ts";

/** Messages are forgotten in groups of this size: one at each turn would have all be read again. */
const FORGOTTEN_AT_ONCE = 8;

/** The part of the context that is kept for the answer, unless it may only be shorter. */
const ANSWER_SHARE = 1 / 4;

/** How a model reads conversations. */
export interface ConversationWriter {
  /** A conversation as tokens, up to where the answer begins. */
  write(messages: readonly Message[]): number[];
  /** How many tokens a text is, more or less. */
  count(text: string): number;
}

/** What of a conversation a model can read. */
export interface FittedConversation {
  readonly messages: readonly Message[];
  readonly tokens: number[];
}

/**
 * Makes a conversation fit. Where it is too long for the context, its oldest messages are left out, but for those of the
 * system.
 *
 * @param contextSize the most tokens that the model can read and write together.
 * @throws UnsupportedRequestError where the prompt alone is too long.
 */
export function fitConversation(
  { prompt, messages, options }: GenerateRequest,
  contextSize: number,
  writer: ConversationWriter,
): FittedConversation {
  const { maxTokens = contextSize } = options ?? {};
  const room = contextSize - Math.max(1, Math.min(maxTokens, Math.floor(contextSize * ANSWER_SHARE)));
  const system = messages.filter(({ role }) => role === "system");
  const said = messages.filter(({ role }) => role !== "system");
  // A conversation that does not end with the user's words has an empty prompt.
  const asked: Message[] = prompt === "" ? [] : [{ role: "user", content: prompt }];
  const left = (forgotten: number) => [...system, ...said.slice(forgotten), ...asked];

  const kept = [...system, ...asked].reduce((sum, { content }) => sum + content.length, 0);
  if (cannotFit(kept, room)) {
    throw new UnsupportedRequestError(
      `The prompt has ${kept} characters. This model can read and write ${contextSize} tokens together, and there is room for ${room}.`,
      "messages",
      "context_length_exceeded",
    );
  }
  let forgotten = leastForgotten(said, room, writer);
  let tokens = writer.write(left(forgotten));
  while (tokens.length > room && forgotten < said.length) {
    forgotten = Math.min(said.length, forgotten + FORGOTTEN_AT_ONCE);
    tokens = writer.write(left(forgotten));
  }
  if (tokens.length <= room) return { messages: left(forgotten), tokens };
  throw new UnsupportedRequestError(
    `The prompt has ${tokens.length} tokens. This model can read and write ${contextSize} together, and there is room for ${room}.`,
    "messages",
    "context_length_exceeded",
  );
}

// A first guess from the messages' own lengths, so that a very long history is not written again and again.
function leastForgotten(said: readonly Message[], room: number, { count }: ConversationWriter): number {
  let left = room;
  for (let at = said.length - 1; at >= 0; at--) {
    const { content = "" } = said[at] ?? {};
    left -= cannotFit(content.length, room) ? room + 1 : count(content);
    if (left < 0) return Math.min(said.length, Math.ceil((at + 1) / FORGOTTEN_AT_ONCE) * FORGOTTEN_AT_ONCE);
  }
  return 0;
}
