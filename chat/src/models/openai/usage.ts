import type { Finish, Piece } from "../model.ts";
import { countOf, type JsonObject, objectOf } from "./json.ts";

/** Characters of a token, about, where nothing says how many tokens a text has. */
const CHARACTERS_OF_A_TOKEN = 4;

/** What an answer took: as the upstream says, and estimated where it does not. */
export class Usage {
  #prompt: number | undefined;
  #completion: number | undefined;
  /** Estimated tokens of all that came, and of what came until the upstream last said how many there are. */
  #estimate = 0;
  #counted = 0;

  /** Counts a piece of the answer. */
  add(piece: Piece): void {
    if (typeof piece === "string") this.#estimate += estimateOf(piece);
    else if ("reasoning" in piece) this.#estimate += estimateOf(piece.reasoning);
    else if ("refusal" in piece) this.#estimate += estimateOf(piece.refusal);
    else this.#estimate++;
  }

  /** Reads a chunk's usage, after its pieces. Zeros say nothing: many an upstream writes them until it knows better. */
  read(usage: JsonObject): void {
    const total = countOf(usage["total_tokens"]);
    const prompt = countOf(usage["prompt_tokens"] ?? usage["input_tokens"]);
    const completion = countOf(usage["completion_tokens"] ?? usage["output_tokens"]);
    this.#prompt = (prompt ?? difference(total, completion)) || this.#prompt;
    const made = completion ?? difference(total, prompt);
    if (!made) return;
    this.#completion = made;
    this.#counted = this.#estimate;
  }

  /** @param countPrompt estimates what was asked; only called where the upstream does not say it. */
  finish(countPrompt: () => number): Omit<Finish, "reason"> {
    return {
      promptTokens: this.#prompt ?? countPrompt(),
      // What came behind the last count is not in it.
      completionTokens: (this.#completion ?? 0) + this.#estimate - this.#counted,
    };
  }
}

/** Where a chunk's usage stands: beside its choices, in one of them, or where Groq has it. */
export function usageOf(chunk: JsonObject, choice: JsonObject | undefined): JsonObject | undefined {
  return (
    objectOf(chunk["usage"]) ?? objectOf(choice?.["usage"]) ?? objectOf(objectOf(chunk["x_groq"])?.["usage"])
  );
}

function estimateOf(text: string): number {
  return Math.ceil(text.length / CHARACTERS_OF_A_TOKEN);
}

function difference(total: number | undefined, part: number | undefined): number | undefined {
  return total === undefined || part === undefined || part > total ? undefined : total - part;
}
