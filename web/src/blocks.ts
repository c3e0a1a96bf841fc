/** A part of an answer that is shown in its own way. `open`: its end has not come yet. */
export type Block =
  | { kind: "thinking"; text: string; open: boolean }
  | { kind: "prose"; text: string }
  | { kind: "list"; items: string[] }
  | { kind: "code"; text: string; language: string; open: boolean };

const THINKING = "[thinking";
const ITEM = /^ {0,3}[-*]\s+(.*)$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`\n]*$/;

/** Splits what a thinking answer begins with (`[thinking...]`) from the rest. */
function splitThinking(text: string): { thinking: Block | undefined; rest: string } {
  if (!text.startsWith(THINKING)) return { thinking: undefined, rest: text };
  const end = text.indexOf("]");
  if (end < 0) return { thinking: { kind: "thinking", text: text.slice(1), open: true }, rest: "" };
  return {
    thinking: { kind: "thinking", text: text.slice(1, end), open: false },
    rest: text.slice(end + 1).replace(/^\s+/, ""),
  };
}

/**
 * Splits an answer, as far as it has come, into its blocks. Joined in order they hold every character that a
 * person should see; a fence that has begun and not ended is code already.
 */
export function splitBlocks(answer: string): Block[] {
  const { thinking, rest } = splitThinking(answer);
  const blocks: Block[] = thinking === undefined ? [] : [thinking];
  let prose: string[] = [];
  let code: { fence: string; language: string; lines: string[] } | undefined;

  const endProse = (): void => {
    const text = prose.join("\n").replace(/^\n+|\n+$/g, "");
    if (text !== "") blocks.push({ kind: "prose", text });
    prose = [];
  };
  const addItem = (item: string): void => {
    endProse();
    const last = blocks.at(-1);
    if (last?.kind === "list") last.items.push(item);
    else blocks.push({ kind: "list", items: [item] });
  };
  const endCode = (open: boolean): void => {
    if (code === undefined) return;
    blocks.push({ kind: "code", text: code.lines.join("\n"), language: code.language, open });
    code = undefined;
  };

  for (const line of rest.split("\n")) {
    const fence = FENCE.exec(line);
    if (code === undefined) {
      const item = ITEM.exec(line)?.[1];
      if (item !== undefined) {
        addItem(item);
      } else if (fence === null) {
        prose.push(line);
      } else {
        endProse();
        code = { fence: fence[1] ?? "", language: fence[2] ?? "", lines: [] };
      }
    } else if (fence !== null && fence[2] === "" && fence[1]?.startsWith(code.fence)) {
      endCode(false);
    } else {
      code.lines.push(line);
    }
  }
  endCode(true);
  endProse();
  return blocks;
}

/** A piece of a line, and the element that shows it: plain text has none. */
export interface Inline {
  readonly tag: "code" | "strong" | "em" | undefined;
  readonly text: string;
}

const MARKED = /(`[^`\n]+`|\*\*[^*\s](?:[^*\n]*[^*\s])?\*\*|\*[^*\s](?:[^*\n]*[^*\s])?\*)/;

/** Splits prose at `code`, **strong** and *emphasis*. A mark without its partner is text. */
export function splitInline(text: string): Inline[] {
  return text
    .split(MARKED)
    .map((part, index): Inline => {
      // A split at one group gives what matched at the odd places.
      if (index % 2 === 0) return { tag: undefined, text: part };
      if (part.startsWith("`")) return { tag: "code", text: part.slice(1, -1) };
      if (part.startsWith("**")) return { tag: "strong", text: part.slice(2, -2) };
      return { tag: "em", text: part.slice(1, -1) };
    })
    .filter((part) => part.text !== "");
}
