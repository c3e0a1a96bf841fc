import { setTimeout as sleep } from "node:timers/promises";
import { Attempt, askFor, persist } from "../attempt.ts";
import { KnownText } from "../known-text.ts";
import { LIMITS, SLACK_MS } from "../limits.ts";
import type { Client } from "../world.ts";

/** ms within which its connection must be closed: at most, its HTTP worker is stuck and must be replaced first. */
const CLOSED_MS = LIMITS.timeout * 1000 + SLACK_MS;

/** Closes its sending side early in a long answer. It counts as gone, so the connection must soon be closed. */
export const halfCloser: Client = async (world, self) => {
  const { random, name } = self;
  const text = new KnownText(random, name, { words: 140 });
  const closeAfter = random.between(1, 20);
  let closed = false;
  const { attempt, ending } = await persist(world, self, () => {
    closed = false;
    return new Attempt(world, self, {
      ask: askFor(text),
      text,
      onTokens: (tokens, exchange) => {
        if (closed || tokens < closeAfter) return;
        closed = true;
        self.trace.note("half closed");
        exchange.halfClose();
        void sleep(CLOSED_MS, undefined, { ref: false }).then(() => exchange.leave());
      },
    });
  });
  const { tokens, done, fault } = attempt.check;
  if (!closed || (fault !== undefined && ending !== "whole")) return attempt.verdict(ending);
  if (done) return { outcome: "violation", tokens, violation: "answered to the end although half closed" };
  if (ending === "left")
    return { outcome: "violation", tokens, violation: `half closed, and not let go within ${CLOSED_MS} ms` };
  return attempt.check.difference ? attempt.verdict(ending) : { outcome: "let go", tokens };
};
