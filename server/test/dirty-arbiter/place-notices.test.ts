import { describe, expect, test } from "vitest";
import { expectWithin } from "../promised-time.ts";
import { Desk, SOMEBODY } from "./desk.ts";

const WANTED = { notices: true };

/** One worker with one place, which is taken. @returns the slot. */
function busyDesk(): { desk: Desk; slot: () => number } {
  const desk = new Desk({ queueSize: 20_000 });
  desk.ready(1);
  desk.place();
  return { desk, slot: () => desk.granted.at(-1)?.placed.slot ?? 0 };
}

describe("a request that waits", () => {
  test("is told its place again when it has moved up", () => {
    const { desk, slot } = busyDesk();
    const [second, third, fourth] = [
      desk.place("a", WANTED),
      desk.place("a", WANTED),
      desk.place("a", WANTED),
    ];
    desk.wait(1000, 1);
    desk.queued.length = 0;
    desk.placement.free(1, slot());
    expect(desk.granted.at(-1)?.id).toBe(second);
    desk.wait(100, 1);
    expect(desk.queued).toEqual([
      { id: third, position: 0 },
      { id: fourth, position: 1 },
    ]);
    desk.placement.cancel(SOMEBODY, third);
    desk.wait(1000, 1);
    expect(desk.queued.slice(2)).toEqual([{ id: fourth, position: 0 }]);
  });

  test("is told when a request that came earlier stands before it again", () => {
    const { desk } = busyDesk();
    const late = desk.place("a", WANTED);
    desk.wait(1000, 1);
    desk.place("a", { arrival: desk.now - 5000 });
    desk.wait(100, 1);
    expect(desk.queued.filter(({ id }) => id === late).map(({ position }) => position)).toEqual([0, 1]);
  });

  test("is told once and no more where it does not want to know", () => {
    const { desk, slot } = busyDesk();
    const [, plain] = [desk.place("a", WANTED), desk.place()];
    desk.wait(1000, 1);
    desk.placement.free(1, slot());
    desk.wait(3000, 1);
    expect(desk.queued.filter(({ id }) => id === plain)).toEqual([{ id: plain, position: 1 }]);
  });

  test("hears nothing while its place is the same", () => {
    const { desk } = busyDesk();
    desk.place("a", WANTED);
    const last = desk.place("a", WANTED);
    desk.wait(1500, 1);
    // It comes behind them all.
    desk.place("a", WANTED);
    desk.placement.cancel(SOMEBODY, desk.place());
    const before = desk.queued.length;
    desk.wait(5000, 1);
    expect(desk.queued.slice(before)).toEqual([]);
    expect(desk.queued.filter(({ id }) => id === last)).toHaveLength(1);
  });

  test("hears of it at most once a second, however fast the queue moves, and of the last change too", () => {
    const { desk, slot } = busyDesk();
    for (let i = 0; i < 50; i++) desk.place("a", WANTED);
    const last = desk.place("a", WANTED);
    const told: { at: number; position: number }[] = [];
    const started = desk.now;
    let heard = 0;
    for (let tick = 0; tick < 70; tick++) {
      if (tick < 45) desk.placement.free(1, slot());
      desk.wait(100, 1);
      for (; heard < desk.queued.length; heard++) {
        const { id, position } = desk.queued[heard] ?? { id: 0, position: 0 };
        if (id === last) told.push({ at: desk.now - started, position });
      }
    }
    expect(told.length).toBeGreaterThan(4);
    expect(told.length).toBeLessThan(8);
    for (const [i, { at }] of told.entries())
      if (i > 0) expect(at - (told[i - 1]?.at ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(told.map(({ position }) => position)).toEqual(
      told.map(({ position }) => position).sort((a, b) => b - a),
    );
    expect(told.at(-1)?.position).toBe(5);
  });

  test("costs little among 10,000", async (context) => {
    const { desk, slot } = busyDesk();
    for (let i = 0; i < 10_000; i++) desk.place("a", WANTED);
    desk.wait(1000, 1);
    desk.queued.length = 0;
    // A second in which places change all the time takes about 5 ms; a walk for each change would take many times as long.
    await expectWithin(context, 100, async () => {
      const started = performance.now();
      desk.placement.free(1, slot());
      desk.wait(1000, 1);
      return performance.now() - started;
    });
    const seconds = desk.queued.length / 10_000;
    expect(seconds).toBeGreaterThan(2.9);
    expect(seconds).toBeLessThanOrEqual(5);
  });
});
