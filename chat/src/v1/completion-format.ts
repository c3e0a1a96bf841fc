import { randomUUID } from "node:crypto";
import type { Finish, Piece } from "../models/model.ts";
import { mergeToolCalls } from "./tool-calls.ts";

/** How an answer is written: as events, or as one object of the pieces. One of these is made for each answer. */
export interface CompletionFormat {
  /** The event in front of the first piece. */
  begin(): string;
  /** A piece as an event, or nothing where the format has no place for it. */
  piece(piece: Piece): string;
  /** The events behind the last piece, without `[DONE]`. */
  end(finish: Finish): string;
  /** The whole answer in one piece. */
  whole(pieces: readonly Piece[], finish: Finish): object;
}

/** What an answer is written with. */
export interface FormatOptions {
  /** The model's name. */
  readonly model: string;
  /** Whether the stream says what it took; never unasked. */
  readonly includeUsage?: boolean;
}

/** What an answer took, in OpenAI's form. */
export function usageOf({ promptTokens, completionTokens }: Finish) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.filter((piece) => typeof piece === "string").join("");
}

function plainTextOf(piece: Piece): string | undefined {
  if (typeof piece === "string") return piece;
  return "refusal" in piece ? piece.refusal : undefined;
}

/** What every object of an answer has, and its events, whose unchanging parts are made once. */
class Envelope {
  readonly id: string;
  readonly created = Math.floor(Date.now() / 1000);
  readonly #head: string;
  readonly #tail: string;
  readonly #model: string;

  constructor(prefix: string, object: string, { model, includeUsage = false }: FormatOptions) {
    this.id = `${prefix}-${randomUUID().replaceAll("-", "")}`;
    this.#model = model;
    const head = JSON.stringify({ ...this.fields(object), system_fingerprint: null });
    this.#head = `data: ${head.slice(0, -1)},"choices":[`;
    this.#tail = includeUsage ? `],"usage":null}\n\n` : "]}\n\n";
  }

  fields(object: string) {
    return { id: this.id, object, created: this.created, model: this.#model };
  }

  event(choice: string): string {
    return `${this.#head}${choice}${this.#tail}`;
  }

  usageEvent(finish: Finish): string {
    return `${this.#head}],"usage":${JSON.stringify(usageOf(finish))}}\n\n`;
  }
}

/** The answers of `POST /v1/chat/completions`. */
export class ChatFormat implements CompletionFormat {
  readonly #envelope: Envelope;
  readonly #includeUsage: boolean;

  constructor(options: FormatOptions) {
    this.#envelope = new Envelope("chatcmpl", "chat.completion.chunk", options);
    this.#includeUsage = options.includeUsage ?? false;
  }

  begin(): string {
    return this.#delta('{"role":"assistant","content":""}');
  }

  piece(piece: Piece): string {
    if (typeof piece === "string") return this.#delta(`{"content":${JSON.stringify(piece)}}`);
    if ("reasoning" in piece) return this.#delta(`{"reasoning_content":${JSON.stringify(piece.reasoning)}}`);
    if ("refusal" in piece) return this.#delta(`{"refusal":${JSON.stringify(piece.refusal)}}`);
    return this.#delta(`{"tool_calls":${JSON.stringify(piece.toolCalls)}}`);
  }

  end(finish: Finish): string {
    const end = this.#delta("{}", JSON.stringify(finish.reason));
    return this.#includeUsage ? end + this.#envelope.usageEvent(finish) : end;
  }

  whole(pieces: readonly Piece[], finish: Finish): object {
    const content = textOf(pieces);
    let reasoning: string | undefined;
    let refusal: string | null = null;
    for (const piece of pieces) {
      if (typeof piece === "string") continue;
      if ("reasoning" in piece) reasoning = (reasoning ?? "") + piece.reasoning;
      else if ("refusal" in piece) refusal = (refusal ?? "") + piece.refusal;
    }
    const calls = mergeToolCalls(pieces);
    const message = {
      role: "assistant",
      content: content === "" && (calls.length > 0 || refusal !== null) ? null : content,
      refusal,
      ...(reasoning !== undefined && { reasoning_content: reasoning }),
      ...(calls.length > 0 && { tool_calls: calls }),
    };
    return {
      ...this.#envelope.fields("chat.completion"),
      choices: [{ index: 0, message, logprobs: null, finish_reason: finish.reason }],
      usage: usageOf(finish),
      system_fingerprint: null,
    };
  }

  #delta(delta: string, finishReason = "null"): string {
    return this.#envelope.event(
      `{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finishReason}}`,
    );
  }
}

/** Where there is only text, no tool can have been called. */
function textReasonOf({ reason }: Finish): Finish["reason"] {
  return reason === "tool_calls" ? "stop" : reason;
}

/** The answers of `POST /v1/completions`: text alone, a refusal too. */
export class TextFormat implements CompletionFormat {
  readonly #envelope: Envelope;
  readonly #includeUsage: boolean;

  constructor(options: FormatOptions) {
    this.#envelope = new Envelope("cmpl", "text_completion", options);
    this.#includeUsage = options.includeUsage ?? false;
  }

  begin(): string {
    return "";
  }

  piece(piece: Piece): string {
    const text = plainTextOf(piece);
    return text === undefined ? "" : this.#text(JSON.stringify(text));
  }

  end(finish: Finish): string {
    const end = this.#text('""', JSON.stringify(textReasonOf(finish)));
    return this.#includeUsage ? end + this.#envelope.usageEvent(finish) : end;
  }

  whole(pieces: readonly Piece[], finish: Finish): object {
    return {
      ...this.#envelope.fields("text_completion"),
      choices: [
        {
          text: pieces.map((piece) => plainTextOf(piece) ?? "").join(""),
          index: 0,
          logprobs: null,
          finish_reason: textReasonOf(finish),
        },
      ],
      usage: usageOf(finish),
      system_fingerprint: null,
    };
  }

  #text(text: string, finishReason = "null"): string {
    return this.#envelope.event(`{"text":${text},"index":0,"logprobs":null,"finish_reason":${finishReason}}`);
  }
}
