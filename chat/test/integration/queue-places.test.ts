import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../../../server/test/integration/harness.ts";
import type { Stream } from "../../../server/test/integration/http-tools.ts";
import { askResumable, idOf, numberedEvents, readOn, send } from "./resuming-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

// Here stands a chat-app.ts of the tests' own, which runs one request at a time.
const FIXTURES = fileURLToPath(new URL("./fixtures/", import.meta.url));

let chat: Chat;

beforeAll(async () => {
  chat = await startChat({
    args: ["--chdir", FIXTURES, "--dirty-app", "./chat-app.ts:ChatApp"],
    env: { TSX_DISABLE_CACHE: "1" },
  });
});

afterAll(async () => {
  await chat.stop();
});

const placesOf = ({ text }: Stream): readonly number[] => numberedEvents(text).places;

function told(stream: Stream, places: number[]): Promise<unknown> {
  return eventually(`the places ${places}; there are ${placesOf(stream)}`, () => {
    return String(placesOf(stream)) === String(places);
  });
}

describe("resumable answers that wait", () => {
  it("see their places go down to 1, then their tokens, on each of their connections", async () => {
    const running = await askResumable(chat, "zero hang");
    await running.has("zero");
    const waiting: Stream[] = [];
    for (const prompt of ["one hang", "two hang", "three hang"])
      waiting.push(await askResumable(chat, prompt));
    const [first, second, third] = waiting;
    if (first === undefined || second === undefined || third === undefined) throw new Error("three");
    await told(first, [1]);
    await told(second, [2]);
    await told(third, [3]);
    const beside = await readOn(chat, idOf(third));
    await told(beside, [3]);

    await send(chat, "DELETE", idOf(running));
    await first.has("one");
    await told(second, [2, 1]);
    await told(third, [3, 2]);
    await send(chat, "DELETE", idOf(first));
    await second.has("two");
    await told(third, [3, 2, 1]);
    await told(beside, [3, 2, 1]);
    await send(chat, "DELETE", idOf(second));
    await third.has("three");
    await send(chat, "DELETE", idOf(third));
    for (const stream of [...waiting, beside]) await stream.ended();
    expect(waiting.map(placesOf)).toEqual([[1], [2, 1], [3, 2, 1]]);
    expect(third.text).toMatch(/"position": 1}\n\nid: 1\ndata: {"token": "three"}\n\n/);
  });

  it("are told nothing where they run at once", async () => {
    // The one before was cancelled a moment ago, and may not have given its place back yet.
    await eventually("a request runs at once, and is told nothing", async () => {
      const stream = await askResumable(chat, "well");
      await stream.ended();
      const { places, end } = numberedEvents(stream.text);
      expect(end).toBe("[DONE]");
      return places.length === 0;
    });
  });
});
