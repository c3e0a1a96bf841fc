import type { LongBlock } from "./pieces.ts";

const OPENING = /^(`{3,}|~{3,})[ \t]*([\w+#.-]*)[ \t]*\n/;

/**
 * Takes the code out of a fenced code block: there is nothing in it to parse.
 * @returns undefined where the block is more than that, or something else
 */
export function cutCode(block: string): LongBlock | undefined {
  const [head, fence = "", language = ""] = OPENING.exec(block) ?? [];
  if (head === undefined) return undefined;
  const closing = new RegExp(`^ {0,3}${fence}${fence.charAt(0)}*[ \\t]*$`, "m");
  const rest = block.slice(head.length);
  const length = closing.exec(rest)?.index ?? rest.length;
  const end = rest.slice(length);
  return end.trim().includes("\n")
    ? undefined
    : { kind: "code", head, language, pieces: [rest.slice(0, length)], end };
}
