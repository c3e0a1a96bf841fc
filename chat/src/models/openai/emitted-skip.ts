import type { Piece, ToolCall } from "../model.ts";
import { ModelError } from "../model-error.ts";
import { objectOf, textOf } from "./json.ts";

/** What is known of a tool call. */
interface KnownCall {
  name: string;
  args: string;
  /** Whether the answer had it again. */
  again: boolean;
}

/**
 * Takes from the beginning of an answer what its reader has already. If the answer does not say all of that again, it is
 * another answer, and the two do not fit together.
 */
export class EmittedSkip {
  #text = "";
  #thought = "";
  #refusal = "";
  readonly #calls = new Map<unknown, KnownCall>();

  constructor(emitted: readonly Piece[]) {
    for (const piece of emitted) {
      if (typeof piece === "string") this.#text += piece;
      else if ("reasoning" in piece) this.#thought += piece.reasoning;
      else if ("refusal" in piece) this.#refusal += piece.refusal;
      else for (const call of piece.toolCalls) this.#know(call);
    }
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
      if (text === "") return undefined;
      if (this.#thought !== "" || this.#refusal !== "") throw another();
      return text;
    }
    if ("reasoning" in piece) {
      const reasoning = cut(piece.reasoning, this.#thought);
      this.#thought = this.#thought.slice(piece.reasoning.length);
      return reasoning === "" ? undefined : { reasoning };
    }
    if ("refusal" in piece) return this.#restOfRefusal(piece.refusal);
    if (this.#calls.size === 0) return piece;
    const toolCalls = piece.toolCalls.flatMap((call) => this.#restOfCall(call));
    return toolCalls.length === 0 ? undefined : { toolCalls };
  }

  /**
   * The answer is over.
   *
   * @throws ModelError where its reader has more of it.
   */
  end(): void {
    const isShorter = this.#text !== "" || this.#thought !== "" || this.#refusal !== "";
    if (isShorter || [...this.#calls.values()].some(({ args, again }) => args !== "" || !again))
      throw another();
  }

  // A reader of text alone was told a refusal as text.
  #restOfRefusal(said: string): Piece | undefined {
    const asText = this.#refusal === "" && this.#text !== "";
    const refusal = cut(said, asText ? this.#text : this.#refusal);
    if (asText) this.#text = this.#text.slice(said.length);
    else this.#refusal = this.#refusal.slice(said.length);
    return refusal === "" ? undefined : { refusal };
  }

  #know(call: ToolCall): void {
    const { name = "", args } = partOf(call);
    const known = this.#calls.get(call["index"]);
    if (known === undefined) this.#calls.set(call["index"], { name, args, again: false });
    else known.args += args;
  }

  #restOfCall(call: ToolCall): ToolCall[] {
    const known = this.#calls.get(call["index"]);
    if (known === undefined) return [call];
    const { kind, name, args } = partOf(call);
    // Its id is another one this time, and its reader has the first.
    if (name !== undefined && name !== known.name) throw another();
    known.again = true;
    const rest = cut(args, known.args);
    known.args = known.args.slice(args.length);
    const field = kind === "custom" ? "input" : "arguments";
    return rest === "" ? [] : [{ index: call["index"], [kind]: { [field]: rest } }];
  }
}

function partOf(call: ToolCall): { kind: "function" | "custom"; name: string | undefined; args: string } {
  const kind = objectOf(call["custom"]) === undefined ? "function" : "custom";
  const said = objectOf(call[kind]) ?? {};
  return { kind, name: textOf(said["name"]), args: textOf(said["arguments"] ?? said["input"]) ?? "" };
}

function cut(said: string, known: string): string {
  const same = Math.min(said.length, known.length);
  if (said.slice(0, same) !== known.slice(0, same)) throw another();
  return said.slice(same);
}

function another(): ModelError {
  return new ModelError(
    "upstream_failed",
    "the upstream gave another answer, so the first cannot be gone on with",
  );
}
