import { setTimeout as sleep } from "node:timers/promises";
import { Attempt, askFor, persist } from "../attempt.ts";
import { KnownText } from "../known-text.ts";
import { mayBeForgotten, mayBeGone } from "../rules.ts";
import type { Client, Verdict } from "../world.ts";

/** Reads one stream twice at once, through two connections: each must get all of it. Then it cancels a third of them. */
export const secondReader: Client = async (world, self) => {
  const { random, name } = self;
  const text = new KnownText(random, name, { words: random.between(10, world.words) });
  const cancels = random.chance(0.33);
  let second: Promise<Verdict> | undefined;
  const { attempt, ending } = await persist(world, self, () => {
    const one = new Attempt(world, self, {
      ask: askFor(text, "/chat", { resumable: true }),
      text,
      numbered: true,
      onTokens: (_tokens, { headers }) => {
        // One that was refused is asked for again, under another id.
        if (one.check.error === undefined) second ??= readBeside(String(headers["x-stream-id"]));
      },
    });
    return one;
  });
  const first = attempt.verdict(ending);
  const other = await second;
  if (!cancelled(attempt) || !cancels) return first.violation || !other ? first : other;
  return { outcome: "cancelled", tokens: first.tokens };

  async function readBeside(id: string): Promise<Verdict> {
    const path = `/chat/streams/${id}`;
    const from = world.now();
    const beside = new Attempt(world, self, { ask: { method: "GET", path }, text, numbered: true });
    let deleted = false;
    if (cancels) {
      await sleep(random.between(0, 2_000));
      const cancel = new Attempt(world, self, { ask: { method: "DELETE", path }, text, whole: true });
      await cancel.over;
      deleted = cancel.exchange.status === 204;
      self.trace.note(`DELETE said ${cancel.exchange.status}`);
    }
    const how = await beside.over;
    if (cancelled(beside) && cancels) return { outcome: "cancelled", tokens: beside.check.tokens };
    const { missing } = beside;
    if (how === "whole" && missing === 410 && mayBeGone(world, from, world.now()))
      return { outcome: "gone (410)", tokens: 0 };
    // The cancelling request may have been faster: the server does not know a cancelled answer.
    if (how === "whole" && missing === 404 && (deleted || mayBeForgotten(world, from, world.now())))
      return { outcome: "forgotten (404)", tokens: 0 };
    return beside.verdict(how, from);
  }
};

/** Whether the answer was ended by name, for which its readers get an error event. */
function cancelled({ check }: Attempt): boolean {
  return check.difference === undefined && check.error?.type === "cancelled";
}
