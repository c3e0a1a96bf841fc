import { setTimeout as sleep } from "node:timers/promises";
import { Attempt, askFor, persist } from "../attempt.ts";
import type { Ending } from "../exchange.ts";
import { KnownText } from "../known-text.ts";
import { LIMITS, REQUEST_MS } from "../limits.ts";
import { mayBeForgotten, mayBeGone, mayBeLostWaiting } from "../rules.ts";
import type { Client, Self, Verdict, World } from "../world.ts";

/** Drops its connection at random, and comes back. Whatever happens to HTTP workers, it must get its whole answer. */
export const resumable: Client = (world, self) => new ResumingReader(world, self).read();

/** ms that a client stays away, mostly and seldom. Much longer, and its dirty worker is gone when it comes back. */
const AWAY_MS = { mostly: 300, seldom: Math.min(3_000, (LIMITS.streamGrace * 1000) / 3) };
const COME_BACK_MS = 100;

class ResumingReader {
  readonly #world: World;
  readonly #self: Self;
  readonly #text: KnownText;
  #tokens = 0;
  #detachedAt = 0;
  #heardAt: number;

  constructor(world: World, self: Self) {
    this.#world = world;
    this.#self = self;
    const { random, name } = self;
    this.#heardAt = world.now();
    this.#text = new KnownText(random, name, { words: random.between(8, world.words) }, random.chance(0.1));
  }

  async read(): Promise<Verdict> {
    const world = this.#world;
    let id = "";
    const first = await persist(world, this.#self, () =>
      this.#attempt("", (attempt) => {
        id = String(attempt.exchange.headers["x-stream-id"] ?? "");
      }),
    );
    const { from } = first.attempt;
    let { attempt, ending } = first;
    const late = from + 2 * REQUEST_MS;
    // The id is lost if the head was lost with its HTTP worker. Then the client cannot come back for the answer.
    if (id === "") return this.#withoutId(attempt, ending);
    for (;;) {
      if (attempt.check.done || attempt.check.fault !== undefined) return attempt.verdict(ending, from);
      if (ending === "whole") {
        const verdict = this.#refusal(attempt, ending, from);
        if (verdict) return verdict;
      } else if (ending === "late" || attempt.verdict(ending, from).violation) {
        return attempt.verdict(ending, from);
      }
      this.#tokens = attempt.check.tokens;
      this.#heardAt = attempt.heardAt || this.#heardAt;
      this.#detachedAt = attempt.at;
      if (world.now() > late)
        return {
          outcome: "violation",
          tokens: this.#tokens,
          violation: `not whole ${late - from} ms after it began`,
        };
      const { random } = this.#self;
      await sleep(
        ending === "left"
          ? random.between(0, random.chance(0.85) ? AWAY_MS.mostly : AWAY_MS.seldom)
          : COME_BACK_MS,
      );
      world.count(ending === "left" ? "resumed after leaving" : "resumed after a cut");
      ({ attempt, ending } = await persist(world, this.#self, () => this.#attempt(id)));
    }
  }

  /** Reads on from the last token, until the end or until it drops the connection itself. */
  #attempt(id: string, onFirst: (attempt: Attempt) => void = () => {}): Attempt {
    const { random } = this.#self;
    const text = this.#text;
    const after = this.#tokens;
    const more = random.chance(0.6) ? random.between(0, 80) : Number.POSITIVE_INFINITY;
    const ask =
      id === ""
        ? askFor(text, "/chat", { resumable: true })
        : ({
            method: "GET",
            path: `/chat/streams/${id}`,
            headers: after > 0 ? { "last-event-id": String(after) } : {},
          } as const);
    const attempt = new Attempt(this.#world, this.#self, {
      ask,
      text,
      numbered: true,
      after,
      onTokens: (tokens, exchange) => {
        if (tokens >= after + more) exchange.leave();
      },
    });
    // Some leave before the first token too: the run goes on all the same.
    if (random.chance(0.1))
      setTimeout(() => attempt.exchange.status === 200 && attempt.exchange.leave(), 300);
    void attempt.over.then(() => onFirst(attempt));
    return attempt;
  }

  /** A response that ended by itself, without the answer's end: what of it is final. */
  #refusal(attempt: Attempt, ending: Ending, from: number): Verdict | undefined {
    const { missing } = attempt;
    const world = this.#world;
    const tokens = this.#tokens;
    if (missing === 410 && mayBeGone(world, this.#heardAt, attempt.at))
      return { outcome: "gone (410)", tokens };
    if (missing === 404 && mayBeForgotten(world, this.#heardAt, attempt.at))
      return { outcome: "forgotten (404)", tokens };
    if (missing === 404 && tokens === 0 && mayBeLostWaiting(world, from, attempt.at))
      return { outcome: "forgotten (404)", tokens };
    const away = attempt.at - this.#detachedAt;
    if (missing === 404 && away > LIMITS.streamGrace * 1000) return { outcome: "expired (404)", tokens };
    return attempt.verdict(ending, from);
  }

  #withoutId(attempt: Attempt, ending: Ending): Verdict {
    const verdict = attempt.verdict(ending);
    if (verdict.violation || attempt.exchange.status !== 200) return verdict;
    return { ...verdict, outcome: "violation", violation: "a resumable stream without X-Stream-Id" };
  }
}
