import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Pauses } from "../../src/models/pause.ts";

describe("pauses", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("last as long as asked", async () => {
    const pauses = new Pauses(new AbortController().signal);
    let over = false;
    const waited = pauses.wait(300).then(() => {
      over = true;
    });
    await vi.advanceTimersByTimeAsync(299);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(over).toBe(true);
    await waited;
  });

  it("end at once on abort, with its reason, and leave no timer", async () => {
    const controller = new AbortController();
    const pauses = new Pauses(controller.signal);
    const waited = expect(pauses.wait(60_000)).rejects.toThrow("gone");
    controller.abort(new Error("gone"));
    await waited;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("do not begin once aborted", async () => {
    const controller = new AbortController();
    controller.abort(new Error("gone"));
    await expect(new Pauses(controller.signal).wait(60_000)).rejects.toThrow("gone");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("share one listener, which goes at the end", async () => {
    const { signal } = new AbortController();
    const pauses = new Pauses(signal);
    for (let i = 0; i < 20; i++) {
      const waited = pauses.wait(5);
      await vi.advanceTimersByTimeAsync(5);
      await waited;
    }
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    pauses.end();
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});
