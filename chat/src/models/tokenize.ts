// A word keeps its inner apostrophes and hyphens ("I'm", "token-by-token"). The last branch takes one code
// point of anything else, so no character can fall between the branches and the joined tokens are the text.
const TOKEN = /[\p{L}\p{N}\p{M}_]+(?:['’-][\p{L}\p{N}\p{M}_]+)*|\s+|[\s\S]/gu;
const WORD_START = /^[\p{L}\p{N}\p{M}_]/u;

/**
 * Cuts a text into tokens: a word, a punctuation mark (or any other single character) and a run of white
 * space are each one token.
 *
 * @returns the tokens in order; joined they are exactly `text`.
 */
export function tokenize(text: string): string[] {
  return text.match(TOKEN) ?? [];
}

/** Characters that are cut into tokens to count these. */
const MOST_CUT = 200_000;

/**
 * How many tokens of {@link tokenize} some texts have together. Of more than 200,000 characters it is an estimate, from the
 * share of tokens in their beginning: all of a request of 16 MiB would hold the event loop for a second.
 */
export function countTokens(texts: readonly string[]): number {
  let tokens = 0;
  let cut = 0;
  let all = 0;
  for (const text of texts) {
    all += text.length;
    if (cut === MOST_CUT) continue;
    const beginning = text.slice(0, MOST_CUT - cut);
    cut += beginning.length;
    tokens += tokenize(beginning).length;
  }
  return cut === all ? tokens : Math.round((tokens * all) / cut);
}

/** Whether a token of {@link tokenize} is a word: those are what the simulated model pauses before. */
export function isWord(token: string): boolean {
  return WORD_START.test(token);
}
