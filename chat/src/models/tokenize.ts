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

/** Whether a token of {@link tokenize} is a word: those are what the simulated model pauses before. */
export function isWord(token: string): boolean {
  return WORD_START.test(token);
}
