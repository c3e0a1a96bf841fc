import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FIRST_MESSAGE_MS } from "../../src/protocol/first-message.ts";
import { MSG } from "../../src/protocol/messages.ts";
import type { WirePeer } from "../dirty/wire-peer.ts";
import { rawHeader } from "../protocol/bytes.ts";
import { RunningArbiter } from "./running-arbiter.ts";

const SOON = { timeout: 50_000 };

const MIB = 1024 * 1024;

let running: RunningArbiter;

beforeEach(async () => {
  running = await RunningArbiter.open();
});

afterEach(() => {
  vi.restoreAllMocks();
  running.close();
});

describe("the dirty arbiter", () => {
  const open = (): Promise<WirePeer> => running.stranger();

  test.each([
    ["nothing", () => new Uint8Array()],
    ["half a header", () => rawHeader(MSG.HELLO, 0, 100).subarray(0, 8)],
    ["half a HELLO", () => rawHeader(MSG.HELLO, 0, 100)],
  ])("closes a connection that says %s for seconds", async (_name, bytes) => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const peer = await open();
    peer.sendBytes(bytes());
    await vi.waitFor(
      () => expect(timers.mock.calls.some(([, ms]) => ms === FIRST_MESSAGE_MS)).toBe(true),
      SOON,
    );
    const [giveUp] = timers.mock.calls.find(([, ms]) => ms === FIRST_MESSAGE_MS) ?? [];
    expect(peer.closed).toBe(false);
    giveUp?.();
    await peer.end();
  });

  test("takes no time limit of those that have said HELLO", async () => {
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    const timers = vi.spyOn(globalThis, "setTimeout");
    const peer = await running.peer("http-worker");
    await vi.waitFor(() => {
      const at = timers.mock.calls.findIndex(([, ms]) => ms === FIRST_MESSAGE_MS);
      const timer = timers.mock.results[at]?.value;
      expect(cleared.mock.calls.some(([one]) => one === timer)).toBe(true);
    }, SOON);
    expect(peer.closed).toBe(false);
  });

  test.each([
    ["a HELLO of 5,000 bytes", () => rawHeader(MSG.HELLO, 0, 5000)],
    ["a message that needs a HELLO", () => rawHeader(MSG.RUN, 1, 64 * MIB)],
    ["another one", () => rawHeader(MSG.READY, 1, 1000)],
  ])("refuses %s with its header, and waits for no more of it", async (_name, bytes) => {
    const peer = await open();
    peer.sendBytes(bytes());
    await peer.end();
    expect(peer.all(MSG.ERROR)).toMatchObject([{ dict: { error: { error_type: "DirtyProtocolError" } } }]);
  });
});

test("the dirty arbiter takes large first messages of Gunicorn's clients, but not of many at once", async () => {
  const begin = async () => {
    const peer = await running.stranger();
    peer.sendBytes(rawHeader(MSG.REQUEST, 1, 60 * MIB));
    return peer;
  };
  const first = await begin();
  const second = await begin();
  const third = await begin();
  await third.end();
  expect(third.all(MSG.ERROR)).toMatchObject([{ dict: { error: { message: /on their way/ } } }]);
  expect([first.closed, second.closed]).toEqual([false, false]);
  // There is room again once one of them has gone.
  first.destroy();
  await vi.waitFor(async () => {
    const next = await begin();
    await next.end(50).catch(() => {});
    const { closed } = next;
    next.destroy();
    expect(closed).toBe(false);
  }, SOON);
});
