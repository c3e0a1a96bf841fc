import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { HighlightRequest } from "../src/thread/highlighter.ts";

class FakeWorker extends EventTarget {
  static started: FakeWorker[] = [];
  readonly asked: HighlightRequest[] = [];
  terminated = false;

  constructor() {
    super();
    FakeWorker.started.push(this);
  }

  postMessage(request: HighlightRequest): void {
    this.asked.push(request);
  }

  terminate(): void {
    this.terminated = true;
  }

  answer(id: number): void {
    this.dispatchEvent(new MessageEvent("message", { data: { id, lines: [[{ content: "x" }]] } }));
  }
}

async function load() {
  vi.resetModules();
  return (await import("../src/thread/highlighter.ts")).highlight;
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeWorker.started = [];
  vi.stubGlobal("Worker", FakeWorker);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("gives finished code its colours, and remembers them", async () => {
  const highlight = await load();
  const coloured = highlight("x", "js");
  FakeWorker.started[0]?.answer(1);
  expect(await coloured).toEqual([[{ content: "x" }]]);
  expect(await highlight("x", "js")).toEqual([[{ content: "x" }]]);
  expect(FakeWorker.started[0]?.asked).toHaveLength(1);
});

it("leaves code plain at once when its worker has died", async () => {
  const highlight = await load();
  const first = highlight("a", "js");
  const [worker] = FakeWorker.started;
  worker?.dispatchEvent(new Event("error"));
  expect(await first).toBeUndefined();
  expect(await highlight("b", "js")).toBeUndefined();
  expect(worker).toMatchObject({ terminated: true, asked: [{ code: "a" }] });
  expect(FakeWorker.started).toHaveLength(1);
});

it("leaves code plain where the browser starts no worker", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.stubGlobal("Worker", undefined);
  const highlight = await load();
  expect(await highlight("a", "js")).toBeUndefined();
  expect(await highlight("b", "js")).toBeUndefined();
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
});

it("waits no longer than a minute for a block that nothing comes of", async () => {
  const highlight = await load();
  const [lost, later] = [highlight("a", "js"), highlight("b", "py")];
  FakeWorker.started[0]?.answer(2);
  expect(await later).toBeDefined();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await lost).toBeUndefined();
});
