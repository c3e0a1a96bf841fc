import { fitConversation } from "../conversation-fit.ts";
import type { GenerateRequest, Message, Piece } from "../model.ts";
import { UnsupportedRequestError } from "../unsupported.ts";
import type { LiteralText } from "./literal-text.ts";
import type { LoadedTransformers } from "./loaded-model.ts";
import type { Token } from "./package.ts";
import { THINK } from "./think.ts";

/** A conversation as the model reads it. */
export interface ReadConversation {
  /** All of it, and the beginning of the answer where that is there already. */
  readonly tokens: Token[];
  /** How many of them are the conversation's, not the answer's. */
  readonly promptTokens: number;
  /** Whether its last words are the mark with which a thought begins. */
  readonly thinks: boolean;
}

/**
 * Writes a conversation as tokens. Where it is too long for the context, its oldest messages are left out, but for
 * those of the system.
 *
 * @throws UnsupportedRequestError where the prompt alone is too long, or the model's template has no form for it.
 */
export function readConversation(request: GenerateRequest, loaded: LoadedTransformers): ReadConversation {
  const { tokenizer, literal, contextSize } = loaded;
  const { prompt, thinking, emitted, options = {} } = request;
  let thinks = false;
  const write = (messages: readonly Message[]) => {
    if (options.raw) return writeRaw(prompt, loaded);
    const text = render(messages, thinking, loaded);
    thinks = text.trimEnd().endsWith(THINK.prefix);
    return literal.read(text);
  };
  const count = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).length;
  const { tokens } = fitConversation(request, contextSize, { write, count });
  // On its own, and not behind the prompt's last line: that is how the model wrote it.
  const answer = emitted.length === 0 ? [] : literal.read(writeAnswer(emitted, thinks, literal));
  return { tokens: [...tokens, ...answer], promptTokens: tokens.length, thinks };
}

function render(messages: readonly Message[], thinking: boolean, loaded: LoadedTransformers): string {
  const { tokenizer, literal, template } = loaded;
  try {
    const said = messages.map((message) => spoken(message, literal));
    const text = tokenizer.apply_chat_template(said, {
      tokenize: false,
      add_generation_prompt: true,
      enable_thinking: thinking,
      ...(template !== undefined && { chat_template: template }),
    });
    return String(text);
  } catch (error) {
    // Templates refuse what their model does not know, such as a system's message.
    throw new UnsupportedRequestError(
      `This model cannot read this conversation: ${error instanceof Error ? error.message : error}`,
      "messages",
      "unsupported_conversation",
    );
  }
}

// These models have no tools: what a tool said, in a conversation that began with another model, is read as the user's.
function spoken({ role, content }: Message, literal: LiteralText): { role: string; content: string } {
  return { role: role === "tool" ? "user" : role, content: literal.quote(content) };
}

function writeRaw(text: string, { tokenizer }: LoadedTransformers): Token[] {
  const tokens = tokenizer.encode(text, { add_special_tokens: true });
  if (tokens.length > 0) return tokens;
  // Something must be there to go on from.
  const first = tokenizer.bos_token_id ?? tokenizer.eos_token_id;
  return typeof first === "number" ? [first] : [];
}

// The answer's first pieces, as the model itself wrote them.
function writeAnswer(answer: readonly Piece[], thinks: boolean, literal: LiteralText): string {
  const thought = literal.quote(
    answer
      .map((piece) => (typeof piece === "object" && "reasoning" in piece ? piece.reasoning : ""))
      .join(""),
  );
  const text = literal.quote(answer.filter((piece) => typeof piece === "string").join(""));
  if (thought === "") return text;
  const begun = `${thinks ? "" : `${THINK.prefix}\n`}${thought}`;
  return text === "" ? begun : `${begun}\n${THINK.suffix}\n\n${text}`;
}
