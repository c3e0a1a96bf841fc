import { describe, expect, it } from "vitest";
import { Inbox } from "../../src/dirty/inbox.ts";

function inbox(reason?: string) {
  const passed: number[] = [];
  const box = new Inbox({
    passedOn: (bytes) => passed.push(bytes),
    unwanted: () => (reason === undefined ? undefined : { reason }),
  });
  return { box, passed };
}

describe("a stream taken in batches", () => {
  it("gives all that came with one read at once, and the end after it", async () => {
    const { box } = inbox();
    const first = box.nextBatch();
    expect(box.push("a", 10)).toBe(true);
    expect(box.push("b", 10)).toBe(false);
    box.deliver();
    expect(await first).toEqual({ done: false, value: ["a", "b"] });
    box.push("c", 10);
    box.end();
    expect(await box.nextBatch()).toEqual({ done: false, value: ["c"] });
    expect(await box.nextBatch()).toEqual({ done: true, value: undefined });
  });

  it("gives what came before a failure, and then the failure, once", async () => {
    const { box } = inbox();
    const waiting = box.nextBatch();
    box.push("a", 1);
    box.end({ error: new Error("broke") });
    expect(await waiting).toEqual({ done: false, value: ["a"] });
    await expect(box.nextBatch()).rejects.toThrow("broke");
    expect(await box.nextBatch()).toEqual({ done: true, value: undefined });
  });

  it("fails a reader that waits when nothing came", async () => {
    const { box } = inbox();
    const waiting = box.nextBatch();
    box.end({ error: new Error("broke") });
    await expect(waiting).rejects.toThrow("broke");
  });

  it("counts a batch as passed on when the next one is asked for, and not before", async () => {
    const { box, passed } = inbox();
    box.push("a", 100);
    box.push("b", 50);
    await box.nextBatch();
    expect(passed).toEqual([]);
    void box.nextBatch();
    expect(passed).toEqual([150]);
  });

  it("never hands out the same array twice", async () => {
    const { box } = inbox();
    box.push("a", 1);
    const { value } = await box.nextBatch();
    box.push("b", 1);
    expect(value).toEqual(["a"]);
    expect(await box.nextBatch()).toEqual({ done: false, value: ["b"] });
  });

  it("goes on behind chunks that were taken one by one", async () => {
    const { box, passed } = inbox();
    for (const value of ["a", "b", "c"]) box.push(value, 1);
    expect(await box.next()).toEqual({ done: false, value: "a" });
    expect(await box.nextBatch()).toEqual({ done: false, value: ["b", "c"] });
    await Promise.all([box.push("d", 1), box.nextBatch()]);
    expect(passed).toEqual([1, 2]);
  });

  it("gives nothing more of a stream that is not wanted any more", async () => {
    const { box } = inbox("left");
    box.push("a", 1);
    box.end();
    await expect(box.nextBatch()).rejects.toBe("left");
  });
});
