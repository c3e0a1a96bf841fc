import type { ServerResponse } from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { QueuePlace } from "../src/queue-place.ts";

/** A place with what its response was sent, and a way to see whether that is still in memory. */
function placeOf() {
  const sent: string[] = [];
  const raw = { write: (text: string) => sent.push(text) } as unknown as ServerResponse;
  return { place: new QueuePlace(raw), sent, response: new WeakRef(raw) };
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

it("is sent once the headers are out, and again only when it has changed", () => {
  const { place, sent } = placeOf();
  place.moved(3);
  expect(sent).toEqual([]);
  place.show();
  place.moved(3);
  place.moved(2);
  expect(sent).toEqual([
    'event: queued\ndata: {"position": 3}\n\n',
    'event: queued\ndata: {"position": 2}\n\n',
  ]);
});

it("is not sent any more after its end, also where the headers come only then", () => {
  const { place, sent } = placeOf();
  place.moved(3);
  place.end();
  place.show();
  place.moved(2);
  expect(sent).toEqual([]);
});

it("keeps no response in memory whose client has left, though its request waits on", async () => {
  const { place, response } = placeOf();
  place.moved(3);
  place.end();
  // A WeakRef that was just made holds its object until the turn is over.
  await turn();
  collectGarbage();
  expect(response.deref()).toBeUndefined();
  place.moved(2);
});
