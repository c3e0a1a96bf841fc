/** What a caller hears of its place in the queue. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ResumeOptions } from "../../src/dirty/call-options.ts";
import { type DirtyClient, getDirtyClient } from "../../src/dirty/client.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { createStreamId } from "../../src/protocol/stream-id.ts";
import { STREAM_MSG } from "../../src/protocol/stream-messages.ts";
import { type Listener, StandIn } from "./stand-in.ts";
import { until } from "./wire-peer.ts";

const APP = "./app.ts:App";

let side: StandIn;
let worker: Listener;
let client: DirtyClient;
let places: number[];

const onQueued = (place: number): void => {
  places.push(place);
};

beforeEach(async () => {
  places = [];
  side = await StandIn.open();
  worker = await side.listen("w");
  client = getDirtyClient();
});

afterEach(() => {
  side.close();
});

describe("a call that waits", () => {
  test("tells its places, 1 for the next one, until it has a slot", async () => {
    const result = client
      .with({ onQueued })
      .execute(APP, "job")
      .then((value) => value);
    const arbiter = await side.arbiter();
    const { id, dict } = await arbiter.next(MSG.PLACE);
    expect(dict["notices"]).toBe(true);
    for (const position of [2, 1, 0]) arbiter.send([MSG.QUEUED, id, { position }]);
    await until(
      () => "three places are told",
      () => places.length === 3,
    );
    arbiter.send([MSG.PLACED, id, { slot: 1, worker: 1, socket: worker.path, continues: false }]);
    const peer = await worker.peer();
    peer.send([MSG.RESPONSE, (await peer.next(MSG.RUN)).id, { result: "done" }]);
    expect(await result).toBe("done");
    expect(places).toEqual([3, 2, 1]);
  });

  test("and does not want to know asks for nothing", async () => {
    const result = client.execute(APP, "job").catch(() => {});
    const arbiter = await side.arbiter();
    const { id, dict } = await arbiter.next(MSG.PLACE);
    expect(dict).not.toHaveProperty("notices");
    arbiter.send([MSG.QUEUED, id, { position: 2 }]);
    arbiter.send([MSG.ERROR, id, { error: { error_type: "DirtyError" } }]);
    await result;
  });

  test("ends with what its listener throws, and no other call does", async () => {
    const broken = client
      .with({
        onQueued: () => {
          throw new RangeError("mine");
        },
      })
      .execute(APP, "job")
      .catch((error: unknown) => error);
    const other = client.execute(APP, "other").then((value) => value);
    const arbiter = await side.arbiter();
    const { id } = await arbiter.next(MSG.PLACE);
    const second = await arbiter.next(MSG.PLACE);
    arbiter.send([MSG.QUEUED, id, { position: 0 }]);
    expect(await broken).toEqual(new RangeError("mine"));
    expect((await arbiter.next(MSG.CANCEL)).id).toBe(id);
    const slot = { slot: 1, worker: 1, socket: worker.path, continues: false };
    arbiter.send([MSG.PLACED, second.id, slot]);
    const peer = await worker.peer();
    peer.send([MSG.RESPONSE, (await peer.next(MSG.RUN)).id, { result: 1 }]);
    expect(await other).toBe(1);
  });

  test("tells nothing to a reader that has left its stream", async () => {
    const left = new AbortController();
    const streamId = createStreamId();
    const reading = client
      .with({ onQueued, streamId, signal: left.signal })
      .stream(APP, "gen")
      [Symbol.asyncIterator]()
      .next()
      .catch(() => {});
    const arbiter = await side.arbiter();
    const { id } = await arbiter.next(MSG.PLACE);
    left.abort();
    await reading;
    arbiter.send([MSG.QUEUED, id, { position: 0 }]);
    // What is answered behind it is heard behind it.
    const later = client.execute(APP, "later").catch(() => {});
    arbiter.send([MSG.ERROR, (await arbiter.next(MSG.PLACE)).id, { error: { error_type: "DirtyError" } }]);
    await later;
    expect(places).toEqual([]);
  });
});

test("a stream that is resumed while it waits tells its places too", async () => {
  const options: ResumeOptions = { onQueued };
  const reading = (async () => {
    for await (const _ of client.resume(createStreamId(), options));
  })().catch(() => {});
  const arbiter = await side.arbiter();
  const { id, dict } = await arbiter.next(STREAM_MSG.FIND);
  expect(dict["notices"]).toBe(true);
  arbiter.send([MSG.QUEUED, id, { position: 4 }]);
  arbiter.send([MSG.ERROR, id, { error: { error_type: "DirtyError" } }]);
  await reading;
  expect(places).toEqual([5]);
});

test("onQueued is a function, or is refused at once", () => {
  const wrong = { onQueued: "tell me" } as unknown as ResumeOptions;
  expect(() => client.with(wrong)).toThrow(/onQueued .* a string/);
  expect(() => client.resume(createStreamId(), wrong)).toThrow(/onQueued/);
});
