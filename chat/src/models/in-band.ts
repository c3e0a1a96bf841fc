import type { Piece } from "./model.ts";

// The page knows a thinking phase by these: from `[thinking` to the first `]`.
const OPEN = "[thinking\n";
const CLOSE = "]\n\n";
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
  for await (const piece of pieces) {
    if (typeof piece === "string") {
      if (open) {
        open = false;
        yield CLOSE;
      }
      yield piece;
    } else if (thinking && "reasoning" in piece) {
      if (!open) {
        open = true;
        yield OPEN;
      }
      // A bracket in it would end the phase.
      yield piece.reasoning.replaceAll(BRACKET, OTHER_BRACKET);
    }
  }
  if (open) yield CLOSE;
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
