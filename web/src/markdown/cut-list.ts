import { type LongBlock, linesOf, piecesOf } from "./pieces.ts";

const ITEM = /^([-*+]|(\d{1,9})([.)]))( +)(?=\S)/;
const RULE = /^([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
/** A line that goes on with the words before it, though it is not indented: it is the beginning of nothing else. */
const WORDS = /^ {4}|^ *["'“‘(]?\p{L}/u;
const FENCE = /^ *(?:`{3}|~{3})/;

/** Cuts a list between its outermost items. @returns undefined where the block may be something else as well or instead */
export function cutList(block: string, longest: number): LongBlock | undefined {
  const first = ITEM.exec(block);
  if (first === null) return undefined;
  const places: number[] = [];
  let indent = 0;
  let before = "";
  for (const { start, text, isLast } of linesOf(block)) {
    const item = ITEM.exec(text);
    if (item !== null && kindOf(item) === kindOf(first) && !RULE.test(text)) {
      places.push(start);
      // Five spaces and more are one, and code.
      indent = item[0].length - ((item[4] ?? "").length > 4 ? (item[4] ?? "").length - 1 : 0);
    } else if (!isLast && !belongs(text, before, indent)) {
      return undefined;
    }
    before = text;
  }
  const start = Number(first[2]);
  const numbers = first[2] === undefined ? {} : { start, last: start + places.length - 1 };
  return { kind: "list", head: "", pieces: piecesOf(block, places, longest), end: "", ...numbers };
}

/** Whether a line is part of an item whose text is indented by so much. */
function belongs(line: string, before: string, indent: number): boolean {
  if (line.trim() === "" || line.startsWith(" ".repeat(indent))) return true;
  if (line.startsWith("\t") && indent <= 4) return true;
  return before.trim() !== "" && WORDS.test(line) && !FENCE.test(before);
}

/** `-`, `*`, `+`, `.` or `)`: another one begins another list. */
function kindOf([, mark, , dot]: RegExpExecArray): string | undefined {
  return dot ?? mark;
}
