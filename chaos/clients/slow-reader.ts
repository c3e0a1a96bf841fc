import { Attempt, askFor, persist } from "../attempt.ts";
import type { Exchange } from "../exchange.ts";
import { KnownText } from "../known-text.ts";
import type { Client } from "../world.ts";

const MOST_PAUSED_MS = 6_000;

/** Reads a large answer in fits and starts: others must not wait for it, and it must miss nothing. */
export const slowReader: Client = async (world, self) => {
  const { random, name } = self;
  const text = new KnownText(random, name, {
    words: random.between(8, Math.ceil(world.words / 2)),
    padding: 2_000,
  });
  const timers = new Set<NodeJS.Timeout>();
  let left = MOST_PAUSED_MS;
  const rest = (exchange: Exchange) => {
    const ms = random.between(100, 1_500);
    if (left < ms || !random.chance(0.2)) return;
    left -= ms;
    exchange.pause();
    const timer = setTimeout(() => {
      timers.delete(timer);
      exchange.resume();
    }, ms);
    timers.add(timer);
  };
  const { attempt, ending } = await persist(
    world,
    self,
    () =>
      new Attempt(world, self, {
        target: world.slowTarget,
        ask: askFor(text),
        text,
        lag: MOST_PAUSED_MS,
        onTokens: (_tokens, exchange) => rest(exchange),
      }),
  );
  for (const timer of timers) clearTimeout(timer);
  return attempt.verdict(ending);
};
