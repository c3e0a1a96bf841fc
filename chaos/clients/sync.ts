import { Attempt, askFor, persist } from "../attempt.ts";
import { KnownText, markOf } from "../known-text.ts";
import type { Client, Verdict } from "../world.ts";

/** Asks for its answer in one piece. */
export const sync: Client = async (world, self) => {
  const { random, name } = self;
  const text = new KnownText(random, name, { words: random.between(4, Math.ceil(world.words / 2)) });
  const { attempt, ending } = await persist(
    world,
    self,
    () => new Attempt(world, self, { ask: askFor(text, "/chat/sync"), text, whole: true }),
  );
  const { status, body } = attempt.exchange;
  if (ending !== "whole" || status !== 200) return attempt.verdict(ending);
  return verdictOn(text, body);
};

function verdictOn(text: KnownText, body: string): Verdict {
  if (body === JSON.stringify({ response: text.tokens.join("") }))
    return { outcome: "whole", tokens: text.tokens.length };
  const foreign = body
    .split(/[^\w-]+/)
    .map(markOf)
    .find((mark) => mark !== undefined && mark.owner !== text.owner);
  const wrong = foreign ? `foreign: a word of ${foreign.owner}` : "altered";
  return { outcome: "violation", tokens: 0, violation: `${wrong}: ${body.slice(0, 300)}` };
}
