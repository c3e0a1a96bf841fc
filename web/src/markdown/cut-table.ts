import { type Line, type LongBlock, linesOf, piecesOf } from "./pieces.ts";

const HEAD = /^( {0,3}[^\s\\][^\n\\]*)\n( {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*)\n/;
/** A line that can only be one more row: it is the beginning of nothing else. */
const ROW = /^ {0,3}(?:\||\*\*\p{L}|\p{L}|\p{N}+(?![\p{N}.)]))/u;

/** Cuts a table between its rows. @returns undefined where the block may be something else as well or instead */
export function cutTable(block: string, longest: number): LongBlock | undefined {
  const [head, headings = "", below = ""] = HEAD.exec(block) ?? [];
  if (head === undefined || !below.includes("|") || cellsOf(headings) !== cellsOf(below)) return undefined;
  const rows = block.slice(head.length);
  const places: number[] = [];
  for (const row of linesOf(rows)) {
    if (isRow(row)) places.push(row.start);
    else if (!row.isLast) return undefined;
  }
  return { kind: "table", head, pieces: piecesOf(rows, places, longest), end: "" };
}

function isRow({ text }: Line): boolean {
  return ROW.test(text);
}

/** How many cells a row without a backslash has. */
function cellsOf(row: string): number {
  return row
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|").length;
}
