import type { Piece } from "./model.ts";
import { WholeCharacters } from "./whole-characters.ts";

// The page knows a thinking phase by these: from `[thinking` to the first `]`.
/** What stands in front of a thinking phase. */
export const OPEN = "[thinking\n";
/** What stands behind it. */
export const CLOSE = "]\n\n";
const BRACKET = "]";
const OTHER_BRACKET = "］";

/**
 * A model's pieces as text alone, for clients that know nothing else: its thinking phase stands in front of the answer,
 * as `[thinking` … `]`. Each piece is one chunk, and so are both ends, so that {@link fromInBand} can tell them apart.
 *
 * @param thinking whether the client wants to see it. Otherwise it is left out.
 * @param emitted what the reader has already of these chunks.
 */
export async function* inBand(
  pieces: AsyncIterable<Piece>,
  thinking: boolean,
  emitted: readonly string[],
): AsyncGenerator<string, void, undefined> {
  let open = isOpen(emitted);
  const characters = new WholeCharacters();
  for await (const part of pieces) {
    const piece = characters.push(part);
    if (piece === undefined) continue;
    const text = textOf(piece);
    if (text !== undefined) {
      if (open) {
        open = false;
        yield CLOSE;
      }
      yield text;
    } else if (thinking && typeof piece === "object" && "reasoning" in piece) {
      if (!open) {
        open = true;
        yield OPEN;
      }
      yield inBandReasoning(piece.reasoning);
    }
  }
  if (open) yield CLOSE;
  for (const piece of characters.end()) {
    const text = textOf(piece);
    if (text !== undefined) yield text;
  }
}

/** Where there is only text, a refusal is that too. */
export function textOf(piece: Piece): string | undefined {
  if (typeof piece === "string") return piece;
  return "refusal" in piece ? piece.refusal : undefined;
}

/** A part of a thinking phase as it stands in the text: a bracket in it would end the phase. */
export function inBandReasoning(reasoning: string): string {
  return reasoning.replaceAll(BRACKET, OTHER_BRACKET);
}

/** The pieces that were told as these chunks. */
export function fromInBand(chunks: readonly string[]): Piece[] {
  const pieces: Piece[] = [];
  let open = false;
  for (const chunk of chunks) {
    if (chunk === (open ? CLOSE : OPEN)) open = !open;
    else if (open) pieces.push({ reasoning: chunk.replaceAll(OTHER_BRACKET, BRACKET) });
    else pieces.push(chunk);
  }
  return pieces;
}

function isOpen(chunks: readonly string[]): boolean {
  return chunks.lastIndexOf(OPEN) > chunks.lastIndexOf(CLOSE);
}
