import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KEEP_ALIVE_MS, keepAlive } from "../src/keep-alive.ts";

/** A response that notes what is written. */
class Written extends EventEmitter {
  text = "";

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

function response(): Written & ServerResponse {
  return new Written() as unknown as Written & ServerResponse;
}

const COMMENT = ": keep-alive\n\n";

describe("a stream that has nothing to send yet", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("sends a comment every 15 s until it is told to stop", () => {
    const raw = response();
    const end = keepAlive(raw);
    vi.advanceTimersByTime(14_999);
    expect(raw.text).toBe("");
    vi.advanceTimersByTime(30_001);
    expect(raw.text).toBe(COMMENT.repeat(3));
    end();
    end();
    vi.advanceTimersByTime(60_000);
    expect(raw.text).toBe(COMMENT.repeat(3));
  });

  it("shares one timer with all others, which goes with the last of them", () => {
    const [first, second] = [response(), response()];
    const ends = [keepAlive(first), keepAlive(second)];
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(KEEP_ALIVE_MS);
    ends[0]?.();
    vi.advanceTimersByTime(KEEP_ALIVE_MS);
    expect([first.text, second.text]).toEqual([COMMENT, COMMENT.repeat(2)]);
    ends[1]?.();
    expect(vi.getTimerCount()).toBe(0);

    const later = response();
    const end = keepAlive(later);
    vi.advanceTimersByTime(KEEP_ALIVE_MS);
    expect(later.text).toBe(COMMENT);
    end();
    expect(vi.getTimerCount()).toBe(0);
  });
});
