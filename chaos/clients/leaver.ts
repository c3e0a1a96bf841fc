import { Attempt, askFor, persist } from "../attempt.ts";
import { KnownText } from "../known-text.ts";
import type { Client } from "../world.ts";

/** Leaves in the middle of its answer, or before it began. */
export const leaver: Client = async (world, self) => {
  const { random, name } = self;
  const text = new KnownText(random, name, { words: random.between(10, world.words) });
  const leaveAfter = random.between(0, 60);
  const leaveWithin = random.between(0, 4_000);
  const { attempt, ending } = await persist(world, self, () => {
    const made = new Attempt(world, self, {
      ask: askFor(text),
      text,
      onTokens: (tokens, exchange) => tokens > leaveAfter && exchange.leave(),
    });
    const timer = setTimeout(() => made.exchange.leave(), leaveWithin);
    void made.over.then(() => clearTimeout(timer));
    return made;
  });
  return attempt.verdict(ending);
};
