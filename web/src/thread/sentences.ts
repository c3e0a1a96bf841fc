const FENCE = /^ {0,3}(?:`{3,}|~{3,})/;
// A full stop in any of the scripts that have one, with the quotes or brackets that close behind it, and a space.
const SENTENCE_END = /[.!?…。！？][)\]"'”’*_`]*(?=\s)|\n/g;

/** What can be said of a growing text, and how far into the text that goes. */
export interface Spoken {
  readonly words: string;
  readonly end: number;
}

/**
 * Takes the finished sentences (and lines) of a Markdown text behind `start`, as a screen reader should say them:
 * without marks, with code named rather than spelled. With `finished`, the rest counts as a sentence too.
 */
export function nextSentences(markdown: string, start: number, finished: boolean): Spoken {
  const end = finished ? markdown.length : lastSentenceEnd(markdown, start);
  return { words: end > start ? say(markdown, start, end) : "", end };
}

function lastSentenceEnd(markdown: string, start: number): number {
  let end = start;
  for (const match of markdown.slice(start).matchAll(SENTENCE_END))
    end = start + match.index + match[0].length;
  return end;
}

function say(markdown: string, start: number, end: number): string {
  let inCode = openFence(markdown.slice(0, start));
  const said: string[] = [];
  for (const line of markdown.slice(start, end).split("\n")) {
    if (FENCE.test(line)) {
      inCode = !inCode;
      if (inCode) said.push("Code block.");
    } else if (!inCode) {
      said.push(withoutMarks(line));
    }
  }
  return said.filter((line) => line !== "").join(" ");
}

function openFence(markdown: string): boolean {
  return markdown.split("\n").filter((line) => FENCE.test(line)).length % 2 === 1;
}

function withoutMarks(line: string): string {
  if (/^[\s|:-]*$/.test(line)) return "";
  return line
    .replace(/^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+)/, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\*\*|__|[*`~|]/g, "")
    .trim();
}
