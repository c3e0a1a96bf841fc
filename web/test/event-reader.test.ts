import { expect, it } from "vitest";
import { readEvents } from "../src/server/event-reader.ts";

it("an answer that is there at once leaves the page time for other work while it is read", async () => {
  const piece = new TextEncoder().encode('data: {"token": "word"}\n\n'.repeat(2000));
  const pieces = 100;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let count = 0; count < pieces; count++) controller.enqueue(piece);
      controller.close();
    },
  });
  let turns = 0;
  const others = setInterval(() => turns++, 0);
  let events = 0;
  try {
    for await (const some of readEvents(body, 60_000, new AbortController().signal)) events += some.length;
  } finally {
    clearInterval(others);
  }
  expect(events).toBe(pieces * 2000);
  expect(turns).toBeGreaterThan(1);
});
