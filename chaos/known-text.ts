import type { Random } from "./random.ts";

/** How long a text is, and how long each of its words. */
export interface TextSize {
  readonly words: number;
  /** Letters that are added to each word, so that a slow reader has much to read. Default: 0. */
  readonly padding?: number;
}

/**
 * What stands between words, as the tokens that it must come in. Quotes, backslashes, tabs, line ends, letters of two to
 * four bytes and U+2028: each has been cut, escaped or counted wrongly by some server.
 */
const GAPS: readonly (readonly string[])[] = [
  [" "],
  [" "],
  [" "],
  [",", " "],
  [".", "\n\n"],
  [" ", '"'],
  ['"', " "],
  [" ", "\\", " "],
  ["\t"],
  ["…", " ", "—", " "],
  [" ", "🦄", " "],
  [";", "\u2028"],
];
const LETTERS = "abcdefghijklmnopqrstuvwxyzäßéλд漢";
const THINKING = ["[", "thinking", ".", ".", ".", "]", "\n\n"];

/**
 * A prompt whose answer is known: the chat echoes it. Each word says whose it is and which it is, so a token that
 * is lost, repeated, out of order or another client's can be told by itself.
 */
export class KnownText {
  /** Whose words these are. */
  readonly owner: string;
  readonly prompt: string;
  readonly thinking: boolean;
  /** The answer, token by token. Written here, not taken from the code under test. */
  readonly tokens: readonly string[];

  /** @param owner letters and digits; two texts of one run must not share it. */
  constructor(random: Random, owner: string, { words, padding = 0 }: TextSize, thinking = false) {
    this.owner = owner;
    const tokens: string[] = [];
    for (let word = 0; word < words; word++) {
      if (word > 0) tokens.push(...random.pick(GAPS));
      tokens.push(`${owner}-${word}${pad(random, padding)}`);
    }
    this.prompt = tokens.join("");
    this.thinking = thinking;
    this.tokens = thinking ? [...THINKING, ...tokens] : tokens;
  }
}

/** Whose word a token is, and which; undefined when it does not belong to a known text. */
export function markOf(token: string): { owner: string; word: number } | undefined {
  const match = /^([a-z][a-z0-9]*)-(\d+)/.exec(token);
  return match ? { owner: match[1] ?? "", word: Number(match[2]) } : undefined;
}

function pad(random: Random, letters: number): string {
  if (letters === 0) return "";
  let text = "-";
  const pattern = Array.from({ length: 16 }, () => random.pick([...LETTERS])).join("");
  while (text.length < letters) text += pattern;
  return text;
}
