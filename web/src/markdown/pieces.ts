/**
 * A block of Markdown in pieces that can be parsed one by one: nothing in one of them changes what another means. A
 * table is cut between rows, a list between items, a paragraph between words. Code is one piece, since it is not parsed.
 * Head, pieces and end together are the block's text.
 */
export interface LongBlock {
  readonly kind: "table" | "list" | "code" | "paragraph";
  /** A table's row of headings with the line below it, which the parser wants before each piece; a code's opening fence. */
  readonly head: string;
  readonly pieces: readonly string[];
  /** A code's closing fence, and white space behind it. */
  readonly end: string;
  /** The numbers of a numbered list's first and last item. */
  readonly start?: number;
  readonly last?: number;
  /** What stands behind a code's opening fence. */
  readonly language?: string;
}

/**
 * Cuts a text at some of the places where that is allowed.
 * @param places positions within the text, going up
 * @param longest each piece but the last ends at the first place behind half of this
 */
export function piecesOf(text: string, places: Iterable<number>, longest: number): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (const place of places) {
    if (place - start < longest / 2) continue;
    pieces.push(text.slice(start, place));
    start = place;
  }
  pieces.push(text.slice(start));
  return pieces;
}

/** A line of a text. */
export interface Line {
  /** Where it begins. */
  readonly start: number;
  /** Without the line's end. */
  readonly text: string;
  /** Nothing comes behind it yet, so it may still grow. */
  readonly isLast: boolean;
}

/** The lines of a text from `start` on, without those that are blank at its end. */
export function* linesOf(text: string, start = 0): Generator<Line, void, undefined> {
  const length = text.trimEnd().length;
  while (start < length) {
    const end = text.indexOf("\n", start);
    yield { start, text: end < 0 ? text.slice(start) : text.slice(start, end), isLast: end < 0 };
    if (end < 0) return;
    start = end + 1;
  }
}
