/** How long the simulated model waits before each word, in milliseconds; both ends are included. */
export interface TokenDelay {
  readonly min: number;
  readonly max: number;
}

const FORMAT = /^(\d{1,5})(?:-(\d{1,5}))?$/;

/**
 * Reads a delay setting.
 *
 * @param value `"0"` for none, `"20"` for a fixed delay, `"30-80"` for a random one in that range; at most
 *   99999 milliseconds.
 * @throws Error that names the setting, the formats and the bad value.
 */
export function parseTokenDelay(value: string): TokenDelay {
  const match = FORMAT.exec(value.trim());
  const min = Number(match?.[1]);
  const max = Number(match?.[2] ?? match?.[1]);
  if (match === null || min > max) {
    throw new Error(
      `CHAT_TOKEN_DELAY_MS must be milliseconds ("20", or "0" for none) or a range ("30-80"), not ${JSON.stringify(value)}`,
    );
  }
  return { min, max };
}

/** A delay for the next word: uniform over the range, in whole milliseconds. */
export function pickDelay({ min, max }: TokenDelay): number {
  return min + Math.floor(Math.random() * (max - min + 1));
}
