import type { Piece } from "./model.ts";
import { TextSearch } from "./text-search.ts";

/** How a model marks what it thinks, before it answers. */
export interface ThoughtMarks {
  readonly prefix: string;
  readonly suffix: string;
  /** Whether an answer is a thought from its first token on. */
  readonly open: boolean;
}

/** Tells thoughts from the answer, takes the marks away, and ends the answer at a stop text. */
export class AnswerParts {
  #marks: ThoughtMarks | undefined;
  #stops: readonly string[];
  #search: TextSearch;
  #state: "opening" | "thought" | "answer";
  #begun: boolean;
  #stopped = false;

  /**
   * @param marks undefined where the model does not think visibly.
   * @param stops texts at which the answer ends; they are not looked for in thoughts.
   * @param emitted what was delivered of this answer already.
   * @param continues whether it goes on with a text as that stands, so that white space in front is its own.
   */
  constructor(
    marks: ThoughtMarks | undefined,
    stops: readonly string[],
    emitted: readonly Piece[],
    continues = false,
  ) {
    this.#marks = marks;
    this.#stops = stops;
    const last = emitted.at(-1);
    this.#begun = continues || last !== undefined;
    if (marks === undefined || typeof last === "string") this.#state = "answer";
    else this.#state = last !== undefined || marks.open ? "thought" : "opening";
    this.#search = this.#searchOf(this.#state);
  }

  /** Whether a stop text was found: what came behind it is nothing. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** What may be delivered once the model has written this. Most often one piece. */
  push(text: string): Piece[] {
    return this.#stopped ? [] : this.#take(text, []);
  }

  /** What was held back, at the end. */
  end(): Piece[] {
    return this.#stopped ? [] : this.#deliver(this.#search.rest(), []);
  }

  #take(text: string, pieces: Piece[]): Piece[] {
    const { text: free, found } = this.#search.push(text);
    if (this.#state === "opening") {
      // A mark anywhere but at the very beginning is something that the answer speaks of.
      if (found !== undefined && free.trim() === "") return this.#enter("thought", pieces);
      if (free.trim() === "" && found === undefined) return pieces;
      const rest = found === undefined ? this.#search.rest() : found + this.#search.rest();
      this.#state = "answer";
      this.#search = this.#searchOf("answer");
      return this.#take(free + rest, pieces);
    }
    this.#deliver(free, pieces);
    if (found === undefined) return pieces;
    if (this.#state === "thought") return this.#enter("answer", pieces);
    this.#stopped = true;
    return pieces;
  }

  #enter(state: "thought" | "answer", pieces: Piece[]): Piece[] {
    const rest = this.#search.rest();
    this.#state = state;
    this.#begun = false;
    this.#search = this.#searchOf(state);
    return rest === "" ? pieces : this.#take(rest, pieces);
  }

  // White space in front of a part is the marks', or the tokenizer's.
  #deliver(text: string, pieces: Piece[]): Piece[] {
    const part = this.#begun ? text : text.trimStart();
    if (part === "") return pieces;
    this.#begun = true;
    pieces.push(this.#state === "thought" ? { reasoning: part } : part);
    return pieces;
  }

  #searchOf(state: "opening" | "thought" | "answer"): TextSearch {
    if (state === "answer" || this.#marks === undefined) return new TextSearch(this.#stops);
    return new TextSearch([state === "thought" ? this.#marks.suffix : this.#marks.prefix]);
  }
}
