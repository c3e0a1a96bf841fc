/** Characters that a token has at the very most, on the average of a text. */
const CHARACTERS_A_TOKEN = 64;

/**
 * Whether a text is too long for this number of tokens, whatever stands in it. Then it need not be cut into tokens,
 * which with 16 MiB would hold a worker for many seconds.
 */
export function cannotFit(characters: number, tokens: number): boolean {
  return characters > tokens * CHARACTERS_A_TOKEN;
}
