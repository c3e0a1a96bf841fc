import fc from "fast-check";
import { expect, test } from "vitest";
import { type Expiring, ExpiryHeap } from "../../src/dirty-arbiter/expiry-heap.ts";

test("the next one is always the one that expires first, whatever was added and taken out", () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ remove: fc.nat(1000) }),
    fc.constant({ next: true }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new ExpiryHeap<Expiring>();
      const there = new Set<Expiring>();
      for (const one of steps) {
        if ("add" in one) {
          const item = { expires: one.add, index: -1 };
          heap.add(item);
          there.add(item);
        } else {
          const item = "remove" in one ? [...there][one.remove % there.size] : heap.next;
          if (item !== undefined) heap.remove(item);
          if (item !== undefined) expect(item.index).toBe(-1);
          if (item !== undefined) there.delete(item);
        }
        expect(heap.size).toBe(there.size);
        const first = Math.min(...[...there].map(({ expires }) => expires));
        expect(heap.next?.expires ?? Number.POSITIVE_INFINITY).toBe(first);
      }
    }),
  );
});
