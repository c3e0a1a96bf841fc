import type { Piece, ToolCall } from "./model.ts";

/** What stands for half a character whose other half never comes. */
const REPLACEMENT = "\ufffd";

/**
 * Joins the halves of characters that come in two pieces. A character beyond U+FFFF, such as an emoji, is two code units
 * of a string (UTF-16's surrogates), and some models cut their text between those. A half cannot cross to another process.
 */
export class WholeCharacters {
  #text = "";
  #reasoning = "";
  #refusal = "";
  /** Of each tool call, by its index. */
  #args: Map<unknown, string> | undefined;

  /** Takes the next piece. @returns what is whole, with the half that came before it; undefined where there is nothing. */
  push(piece: Piece): Piece | undefined {
    if (typeof piece === "string") {
      if (this.#text === "" && !endsInHalf(piece)) return piece;
      const { whole, half } = split(this.#text + piece);
      this.#text = half;
      return whole === "" ? undefined : whole;
    }
    if ("reasoning" in piece) {
      if (this.#reasoning === "" && !endsInHalf(piece.reasoning)) return piece;
      const { whole, half } = split(this.#reasoning + piece.reasoning);
      this.#reasoning = half;
      return whole === "" ? undefined : { reasoning: whole };
    }
    if ("refusal" in piece) {
      const { whole, half } = split(this.#refusal + piece.refusal);
      this.#refusal = half;
      return whole === "" ? undefined : { refusal: whole };
    }
    return { toolCalls: piece.toolCalls.map((call) => this.#pushCall(call)) };
  }

  /** The halves whose other halves did not come, as the sign that stands for them. */
  end(): Piece[] {
    const pieces: Piece[] = [];
    if (this.#text !== "") pieces.push(REPLACEMENT);
    if (this.#reasoning !== "") pieces.push({ reasoning: REPLACEMENT });
    if (this.#refusal !== "") pieces.push({ refusal: REPLACEMENT });
    for (const [index, half] of this.#args ?? []) {
      if (half !== "") pieces.push({ toolCalls: [{ index, function: { arguments: REPLACEMENT } }] });
    }
    return pieces;
  }

  #pushCall(call: ToolCall): ToolCall {
    const { index, function: said } = call;
    if (typeof said !== "object" || said === null || !("arguments" in said)) return call;
    const args = said.arguments;
    const before = this.#args?.get(index) ?? "";
    if (typeof args !== "string" || (before === "" && !endsInHalf(args))) return call;
    const { whole, half } = split(before + args);
    this.#args ??= new Map();
    this.#args.set(index, half);
    return { ...call, function: { ...said, arguments: whole } };
  }
}

function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

function split(text: string): { whole: string; half: string } {
  return endsInHalf(text) ? { whole: text.slice(0, -1), half: text.slice(-1) } : { whole: text, half: "" };
}
