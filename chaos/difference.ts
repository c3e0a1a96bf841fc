import { type KnownText, markOf } from "./known-text.ts";

/** What can be wrong with the tokens of an answer. */
export type Wrong = "foreign" | "repeated" | "reordered" | "lost" | "altered";

/** How the tokens that a client got differ from the known text. */
export interface Difference {
  readonly wrong: Wrong;
  /** Position of the first token that is not the expected one. */
  readonly at: number;
  /** What stood there, and what should have. */
  readonly detail: string;
}

/**
 * Names what is wrong with an answer, by its words: each carries its owner and its number. What is worst is named,
 * where several things are: another client's token, then a repeated one, then order, then loss.
 *
 * @param got the tokens from the answer's beginning to wherever it ended.
 * @param whole whether the answer claimed to be whole; else a mere prefix of the text is right.
 * @returns undefined when nothing is wrong.
 */
export function differenceOf(
  text: KnownText,
  got: readonly string[],
  whole: boolean,
): Difference | undefined {
  const { tokens, owner } = text;
  let at = 0;
  while (at < got.length && got[at] === tokens[at]) at++;
  if (at === got.length && (!whole || at === tokens.length)) return undefined;
  const detail = `token ${at} is ${show(got[at])}, should be ${show(tokens[at])}`;
  const marks = got.flatMap((token) => markOf(token) ?? []);
  const words = marks.map(({ word }) => word);
  if (marks.some((mark) => mark.owner !== owner)) return { wrong: "foreign", at, detail };
  if (new Set(words).size < words.length) return { wrong: "repeated", at, detail };
  if (words.some((word, index) => index > 0 && word < (words[index - 1] ?? 0)))
    return { wrong: "reordered", at, detail };
  if (words.some((word, index) => word !== index) || (whole && got.length < tokens.length))
    return { wrong: "lost", at, detail };
  // What stands between words has no mark: its neighbours say which way it slipped.
  if (got[at] === tokens[at + 1]) return { wrong: "lost", at, detail };
  if (at > 0 && got[at] === tokens[at - 1]) return { wrong: "repeated", at, detail };
  return { wrong: "altered", at, detail };
}

function show(token: string | undefined): string {
  if (token === undefined) return "nothing";
  return JSON.stringify(token.length > 40 ? `${token.slice(0, 40)}…` : token);
}
