import { Attempt, askFor, persist } from "../attempt.ts";
import { KnownText } from "../known-text.ts";
import type { Client } from "../world.ts";

/** Reads an answer to its end. It may be cut when its HTTP worker dies; every token until then must be right. */
export const plain: Client = async (world, self) => {
  const { random, name } = self;
  const text = new KnownText(random, name, { words: random.between(8, world.words) }, random.chance(0.1));
  const { attempt, ending } = await persist(
    world,
    self,
    () => new Attempt(world, self, { ask: askFor(text), text }),
  );
  return attempt.verdict(ending);
};
