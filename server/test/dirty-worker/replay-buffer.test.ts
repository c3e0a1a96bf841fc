import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReplayBuffer } from "../../src/dirty-worker/replay-buffer.ts";

function textAt(buffer: ReplayBuffer, index: number): string | undefined {
  const chunk = buffer.at(index);
  return chunk?.memory.toString("latin1", chunk.start, chunk.end);
}

describe("a replay buffer", () => {
  test("gives back what was put into it, whatever is given up meanwhile", () => {
    const size = fc.oneof(
      fc.nat(64),
      fc.nat(5000),
      fc.integer({ min: 16_000, max: 17_000 }),
      fc.nat(100_000),
    );
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ append: size, skip: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ trim: fc.nat(400_000) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const buffer = new ReplayBuffer();
        const all: string[] = [];
        for (const one of steps) {
          if ("trim" in one) {
            const first = buffer.first;
            buffer.trim(one.trim);
            expect(buffer.bytes).toBeLessThanOrEqual(one.trim);
            expect(buffer.first).toBeGreaterThanOrEqual(first);
          } else {
            const text = `${all.length}:`.padEnd(one.append, "abcdefg").slice(0, one.append);
            all.push(text);
            // Behind other bytes, as a frame's payload lies behind its header.
            buffer.append(Buffer.from("#".repeat(one.skip) + text, "latin1"), one.skip);
          }
          expect(buffer.end).toBe(all.length);
          expect(buffer.first).toBeLessThanOrEqual(buffer.end);
        }
        for (const [index, text] of all.entries()) {
          expect(textAt(buffer, index)).toBe(index < buffer.first ? undefined : text);
        }
        expect(buffer.at(all.length)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  test("takes little more memory than its chunks, whatever their size", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(100), fc.nat(70_000)), { minLength: 1, maxLength: 300 }),
        (sizes) => {
          const buffer = new ReplayBuffer();
          let bytes = 0;
          for (const size of sizes) {
            buffer.append(Buffer.alloc(size));
            bytes += size;
          }
          expect(buffer.bytes).toBeGreaterThanOrEqual(bytes);
          expect(buffer.bytes).toBeLessThanOrEqual(2 * bytes + 64 * 1024);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("begins small, and what it gave stays as it is when it is given up", () => {
    const buffer = new ReplayBuffer();
    buffer.append(Buffer.from("first"));
    expect(buffer.bytes).toBe(1024);
    const chunk = buffer.at(0);
    buffer.trim(0);
    for (let count = 0; count < 100; count++) buffer.append(Buffer.from("other"));
    expect(chunk?.memory.toString("latin1", chunk.start, chunk.end)).toBe("first");
    expect([buffer.first, buffer.end]).toEqual([1, 101]);
  });
});
