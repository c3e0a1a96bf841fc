/** What a worker keeps of resumable streams, and of how much memory: for that a test looks into its store. */
import { inspect } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { DirtyApp } from "../../src/dirty/app.ts";
import type { StreamStoreOptions } from "../../src/dirty-worker/stream-store.ts";
import { MSG } from "../../src/protocol/messages.ts";
import { STREAM_MSG } from "../../src/protocol/stream-messages.ts";
import { WINDOW } from "../../src/protocol/window.ts";
import { until } from "../dirty/wire-peer.ts";
import type { AskedStream, WorkerClient } from "../worker-contract/client.ts";
import { Stage } from "./stage.ts";

class App extends DirtyApp {
  static override concurrency = 4;
  static override continues = ["counts"];
  *counts(n: number) {
    for (let i = this.request.emitted.length; i < n; i++) yield i;
  }
  *large(n: number, size: number) {
    for (let i = 0; i < n; i++) yield "x".repeat(size);
  }
}

let stage: Stage;
let client: WorkerClient;

async function open(options: Partial<StreamStoreOptions> = {}): Promise<void> {
  stage = await Stage.open({ "app:App": App }, { graceMs: 30_000, ...options });
  client = await stage.client();
}

afterEach(async () => {
  await stage.close();
});

function forgotten(): unknown[] {
  return stage.arbiter.all(STREAM_MSG.FORGET).map(({ dict }) => dict["stream"]);
}

async function forgets({ stream }: AskedStream): Promise<void> {
  await until(
    () => "it is forgotten",
    () => forgotten().includes(stream),
  );
}

describe("what is kept", () => {
  test("is bounded for each stream: the beginning goes first", async () => {
    await open({ streamBytes: 64 * 1024 });
    const large = client.begin("large", [20, 16 * 1024]);
    await client.readAll(large.id, 16 * 1024);
    const late = await client.over(client.attach(large, 2));
    expect(late.error.error_type).toBe("DirtyStreamGoneError");
    expect((await client.over(client.attach(large, 17))).chunks).toHaveLength(3);
    expect(stage.worker.streams.size).toBeLessThanOrEqual(64 * 1024 + 2048);
  });

  test("is bounded for all: what ended first goes first", async () => {
    await open({ totalBytes: 300 * 1024 });
    const streams: AskedStream[] = [];
    for (let count = 0; count < 10; count++) {
      const large = client.begin("large", [5, 16 * 1024]);
      await client.over(large.id);
      streams.push(large);
      expect(stage.worker.streams.size).toBeLessThanOrEqual(300 * 1024);
    }
    await forgets(streams[6] as AskedStream);
    expect(forgotten()).toEqual(streams.slice(0, 7).map(({ stream }) => stream));
    expect(stage.worker.ready().streams).toEqual(
      streams.slice(7).map(({ stream, slot }) => ({ stream, slot })),
    );
  });

  test("of streams that run is bounded too: they give up their own beginning", async () => {
    await open({ totalBytes: 100 * 1024 });
    const large = client.begin("large", [14, 16 * 1024]);
    expect((await client.over(large.id)).chunks).toHaveLength(14);
    expect(stage.worker.streams.size).toBeLessThanOrEqual(100 * 1024);
  });

  test("counts what a stream was called with, where it can be continued", async () => {
    await open({ totalBytes: 300 * 1024 });
    const streams: AskedStream[] = [];
    for (let count = 0; count < 5; count++) {
      const counts = client.begin("counts", [3, "x".repeat(80 * 1024)]);
      await client.over(counts.id);
      streams.push(counts);
      expect(stage.worker.streams.size).toBeGreaterThan(80 * 1024);
      expect(stage.worker.streams.size).toBeLessThanOrEqual(300 * 1024);
    }
    await forgets(streams[1] as AskedStream);
    expect(forgotten()).toEqual(streams.slice(0, 2).map(({ stream }) => stream));
  });

  test("leaves out what readers are not told: arguments of what cannot be continued, and a second copy of values", async () => {
    await open();
    const ends = client.begin("large", [1, 1, "an argument"]);
    const goesOn = client.begin("counts", [3, "another one"], { emitted: ["emitted before"] });
    await client.over(ends.id);
    await client.over(goesOn.id);
    const kept = inspect(stage.worker.streams, { depth: 20 });
    expect(kept).toContain("another one");
    expect(kept).not.toContain("an argument");
    expect(kept).not.toContain("emitted before");
    const late = client.attach(goesOn, 0, true);
    expect((await client.over(late)).chunks).toEqual(["emitted before", 1, 2]);
  });

  test("is given up some time after the end", async () => {
    await open({ retentionMs: 50 });
    await forgets(client.begin("counts", [3]));
    expect(stage.worker.streams.size).toBe(0);
    expect(stage.worker.ready().streams).toEqual([]);
  });
});

test("a slow reader of a stream that is given up meanwhile gets what is left of it, and its end once", async () => {
  await open({ retentionMs: 50 });
  const large = client.begin("large", [10, 60 * 1024]);
  const fast = client.attach(large);
  await client.readAll(fast, 60 * 1024 + 40);
  await forgets(large);
  expect(client.chunks(large.id)).toHaveLength(5);
  for (let count = 0; count < 3; count++) client.grant(large.id, WINDOW);
  const { chunks } = await client.over(large.id);
  expect(chunks).toHaveLength(10);
  client.grant(large.id, WINDOW);
  await client.heard();
  expect(client.types(large.id).filter((type) => type === MSG.END)).toHaveLength(1);
});
