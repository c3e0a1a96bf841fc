import { cutCode } from "./cut-code.ts";
import { cutList } from "./cut-list.ts";
import { cutParagraph } from "./cut-paragraph.ts";
import { cutTable } from "./cut-table.ts";
import type { LongBlock } from "./pieces.ts";

/** From this many characters on, a block is cut: parsing the whole of it again with each token would be seen. */
export const LONG = 5000;

// With one of these, one place of a text decides what another means.
const FAR_REACHING = /^ {0,3}\[[^\]]+\]:|\[\^/m;

/**
 * Cuts a block that is long, where that is sure to change nothing that a reader sees.
 * @param longest the most characters that stay together, if there is a place to cut
 * @returns undefined for a block that is not long, or of which it is not clear what it is
 */
export function cutLongBlock(block: string, longest = LONG): LongBlock | undefined {
  if (block.length <= longest || block.includes("\r")) return undefined;
  const code = cutCode(block);
  if (code !== undefined || FAR_REACHING.test(block)) return code;
  return cutTable(block, longest) ?? cutList(block, longest) ?? cutParagraph(block, longest);
}
