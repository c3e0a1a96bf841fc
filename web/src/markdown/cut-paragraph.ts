import { InlineMarks } from "./inline-marks.ts";
import { type LongBlock, linesOf } from "./pieces.ts";

/** A line that can only be a paragraph's: it is the beginning of nothing else. */
const WORDS =
  /^ {0,3}(?:["'(]*(?:\p{L}|[^\p{ASCII}\s])|["'(]*\p{N}+(?![\p{N}.)])|[*_~`]{1,2}["'(]*[\p{L}\p{N}]|!?\[[^\]]*\]\()/u;
/** What may make something else of the lines before it. */
const NOT_LAST = /\||^ {0,3}(?:-+|=+)[ \t]*$/;
/** Between words, or behind a full stop that needs no space, where what follows would go on as a paragraph. */
const PLACE = /(?<=[^\s\\])[ \n](?=["'“‘«(]?\p{L})|(?<=[。！？])(?=\p{L})/gu;
/** A piece of this many times its longest length is cut even within emphasis. */
const AT_LAST = 4;

/** Cuts a paragraph between its words. @returns undefined where the block may be something else as well or instead */
export function cutParagraph(block: string, longest: number): LongBlock | undefined {
  let sure = block.length;
  for (const { start, text, isLast } of linesOf(block)) {
    if (WORDS.test(text)) continue;
    if (!isLast || NOT_LAST.test(text)) return undefined;
    sure = start;
  }
  const pieces = cutBetweenWords(block.slice(0, sure), longest);
  pieces.push(`${pieces.pop() ?? ""}${block.slice(sure)}`);
  return { kind: "paragraph", head: "", pieces, end: "" };
}

function cutBetweenWords(text: string, longest: number): string[] {
  const marks = new InlineMarks(text);
  const pieces: string[] = [];
  let start = 0;
  for (const plain of marks.plain()) {
    let isFree = plain.isFree;
    for (;;) {
      if (!isFree && plain.end - start < AT_LAST * longest) break;
      const least = start + (isFree ? longest / 2 : AT_LAST * longest);
      PLACE.lastIndex = Math.max(plain.start, least);
      const place = PLACE.lastIndex < plain.end ? PLACE.exec(text.slice(0, plain.end)) : null;
      if (place === null) break;
      const end = place.index + place[0].length;
      pieces.push(text.slice(start, end));
      start = end;
      marks.forget();
      isFree = true;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}
