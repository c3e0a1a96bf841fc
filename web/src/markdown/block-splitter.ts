import { parseMarkdownIntoBlocks } from "streamdown";
import { cutLongBlock } from "./long-block.ts";

/** Beyond this many characters an answer is never one block, whatever it holds: parsing it again would be seen. */
export const MAX_WHOLE = 20_000;

// With one of these anywhere, the parser needs the whole text to resolve it: definitions of links, and footnotes.
const DEFINITION = /^ {0,3}\[[^\]]+\]:/m;
const FOOTNOTE = /\[\^[\w-]{1,200}\]/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;

type Split = (markdown: string) => string[];

/**
 * Makes a function that splits Markdown into blocks as `split` does, and remembers what it saw last: while an
 * answer grows, only its end is read again. Blocks that did not change stay the same strings, so that they are not
 * rendered again either. (streamdown's own memory is lost whenever it closes an open `**` at the end for us.)
 * @param longest a list with more characters than this is not read again from its beginning either
 */
export function createBlockSplitter(split: Split = parseMarkdownIntoBlocks, longest?: number): Split {
  let blocks: string[] = [];
  return (markdown) => {
    if (markdown.includes("\r") || DEFINITION.test(markdown) || FOOTNOTE.test(markdown)) {
      blocks = markdown.length > MAX_WHOLE ? splitAtBlankLines(markdown) : split(markdown);
      return blocks;
    }
    const kept = unchanged(blocks, markdown);
    const rest = markdown.slice(kept.reduce((length, block) => length + block.length, 0));
    const items = settledItems(blocks[kept.length], rest, longest);
    const [first = "", ...others] = split(rest.slice(items.length));
    blocks = [...kept, ...(items + first === "" ? [] : [items + first]), ...others];
    return blocks;
  };
}

/** The items of a long list that nothing can change any more: others came behind them. */
function settledItems(block: string | undefined, markdown: string, longest: number | undefined): string {
  const list = block === undefined ? undefined : cutLongBlock(block, longest);
  if (list?.kind !== "list") return "";
  const items = list.pieces.slice(0, -2).join("");
  // Between two of these, streamdown joins whatever stands there.
  return markdown.startsWith(items) && !items.includes("$$") ? items : "";
}

/**
 * The blocks that nothing behind them can change: they end in a blank line, and at least one whole block that was
 * there before comes after them (a list goes on behind a blank line, where its next item follows).
 */
function unchanged(blocks: readonly string[], markdown: string): string[] {
  let same = 0;
  let length = 0;
  for (const block of blocks) {
    if (!markdown.startsWith(block, length)) break;
    length += block.length;
    same += 1;
  }
  let count = Math.min(same - 1, blocks.length - 2);
  while (count > 0 && !blocks[count - 1]?.endsWith("\n\n")) count -= 1;
  return blocks.slice(0, Math.max(count, 0));
}

/** The rough cut for long texts: at each blank line that is not inside a fence. */
function splitAtBlankLines(markdown: string): string[] {
  const blocks: string[] = [];
  let block = "";
  let fence: string | undefined;
  for (const line of markdown.split(/(?<=\n)/)) {
    block += line;
    const mark = FENCE.exec(line)?.[1];
    if (mark !== undefined) fence = fence === undefined ? mark : mark.startsWith(fence) ? undefined : fence;
    if (fence === undefined && line.trim() === "") {
      blocks.push(block);
      block = "";
    }
  }
  if (block !== "") blocks.push(block);
  return blocks;
}
