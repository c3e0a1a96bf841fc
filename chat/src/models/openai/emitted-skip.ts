import type { Piece } from "../model.ts";
import { ModelError } from "../model-error.ts";

/** Takes from the beginning of an answer what its reader has already, as far as the answer says the same again. */
export class EmittedSkip {
  #text: string;
  #thought: string;
  #calls: number;

  constructor(emitted: readonly Piece[]) {
    this.#text = emitted.filter((piece) => typeof piece === "string").join("");
    this.#thought = emitted.map((piece) => thoughtOf(piece) ?? "").join("");
    this.#calls = emitted.filter((piece) => typeof piece !== "string" && "toolCalls" in piece).length;
  }

  /**
   * What is new in a piece; undefined where nothing is.
   *
   * @throws ModelError where the answer is another one this time.
   */
  rest(piece: Piece): Piece | undefined {
    if (typeof piece === "string") {
      const text = cut(piece, this.#text);
      this.#text = this.#text.slice(piece.length);
      return text === "" ? undefined : text;
    }
    const thought = thoughtOf(piece);
    if (thought !== undefined) {
      const reasoning = cut(thought, this.#thought);
      this.#thought = this.#thought.slice(thought.length);
      return reasoning === "" ? undefined : { reasoning };
    }
    return this.#calls-- > 0 ? undefined : piece;
  }
}

function thoughtOf(piece: Piece): string | undefined {
  return typeof piece === "object" && "reasoning" in piece ? piece.reasoning : undefined;
}

function cut(said: string, known: string): string {
  const same = Math.min(said.length, known.length);
  if (said.slice(0, same) !== known.slice(0, same))
    throw new ModelError(
      "upstream_failed",
      "the upstream gave another answer, so the first cannot be gone on with",
    );
  return said.slice(same);
}
