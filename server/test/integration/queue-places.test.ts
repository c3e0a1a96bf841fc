/** What those who wait hear of their places, between real processes. */
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
  const running = new Reading(fleet.client.stream("./app.mjs:App", "counts", 100, 15));
  await running.has(1);
  const waiting = [];
  for (let i = 0; i < 3; i++) {
    const places: number[] = [];
    const streamId = createStreamId();
    const client = fleet.client.with({ streamId, onQueued: (place) => places.push(place) });
    const stream = client.stream("./app.mjs:App", "counts", 100, 15);
    await stream.accepted();
    waiting.push({ streamId, places, reading: new Reading(stream) });
  }
  expect(waiting.map(({ places }) => places)).toEqual([[1], [2], [3]]);

  // Whoever comes to read the last one hears of its place too, and plain requests of nothing but their slot.
  const resumed: number[] = [];
  const { streamId = "" } = waiting[2] ?? {};
  const again = new Reading(fleet.client.resume(streamId, { onQueued: (place) => resumed.push(place) }));
  await eventually("the second reader hears its place", () => resumed.length > 0);

  for (const { reading } of waiting) await reading.ended(20_000);
  await again.ended();
  expect(waiting.map(({ places }) => places)).toEqual([[1], [2, 1], [3, 2, 1]]);
  expect(resumed).toEqual([3, 2, 1]);
  for (const { reading } of waiting) expect(reading.values).toHaveLength(100);
});
