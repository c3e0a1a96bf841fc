/** What those who wait hear of their places, between real processes. */
import { isDeepStrictEqual } from "node:util";
import { afterEach, expect, test } from "vitest";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { Fleet } from "./fleet.ts";
import { eventually } from "./harness.ts";
import { Reading } from "./reading.ts";

const APP = `
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";

export class App extends DirtyApp {
  async *counts(n, ms) {
    for (let i = 0; i < n; i++) {
      yield i;
      await sleep(ms, undefined, { signal: this.request.signal });
    }
  }
}
`;

let fleet: Fleet;

afterEach(async () => {
  await fleet.close();
});

test("each request sees its place go down to 1 while the worker serves those before it", async () => {
  fleet = await Fleet.open({ app: APP });
  const running = new Reading(fleet.client.stream("./app.mjs:App", "counts", 10_000, 15));
  await running.has(1);
  const waiting: { streamId: string; places: number[]; reading: Reading }[] = [];
  for (const chunks of [10_000, 10_000, 20]) {
    const places: number[] = [];
    const streamId = createStreamId();
    const client = fleet.client.with({ streamId, onQueued: (place) => places.push(place) });
    const stream = client.stream("./app.mjs:App", "counts", chunks, 15);
    await stream.accepted();
    waiting.push({ streamId, places, reading: new Reading(stream) });
  }
  const told = (places: number[][]) =>
    eventually(`the places ${JSON.stringify(places)}`, () =>
      isDeepStrictEqual(
        waiting.map((one) => one.places),
        places,
      ),
    );
  await told([[1], [2], [3]]);

  // A second reader of the last one hears of its place too. Plain requests hear of nothing but their slot.
  const resumed: number[] = [];
  const { streamId = "" } = waiting[2] ?? {};
  const again = new Reading(fleet.client.resume(streamId, { onQueued: (place) => resumed.push(place) }));
  await eventually("the second reader hears its place", () => resumed.length > 0);

  await running.leave();
  await told([[1], [2, 1], [3, 2]]);
  await waiting[0]?.reading.has(1);
  await fleet.client.cancel(waiting[0]?.streamId ?? "");
  await told([[1], [2, 1], [3, 2, 1]]);
  await waiting[1]?.reading.has(1);
  await fleet.client.cancel(waiting[1]?.streamId ?? "");
  await again.ended();
  expect(waiting.map(({ places }) => places)).toEqual([[1], [2, 1], [3, 2, 1]]);
  expect(resumed).toEqual([3, 2, 1]);
  expect(again.values).toHaveLength(20);
});
