import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AppQueue } from "../../src/dirty-arbiter/app-queue.ts";

interface Item {
  readonly name: string;
  readonly arrival: number;
}

function item(name: string, arrival: number): Item {
  return { name, arrival };
}

function names(queue: AppQueue<Item>): string[] {
  return queue.all().map(({ name }) => name);
}

describe("a queue", () => {
  test("gives out the oldest first", () => {
    const queue = new AppQueue<Item>();
    for (const one of [item("a", 1), item("b", 2), item("c", 3)]) queue.add(one);
    expect([queue.take()?.name, queue.take()?.name, queue.take()?.name, queue.take()]).toEqual([
      "a",
      "b",
      "c",
      undefined,
    ]);
    expect(queue.size).toBe(0);
  });

  test("says how many stand before a request", () => {
    const queue = new AppQueue<Item>();
    expect(queue.add(item("a", 10))).toBe(0);
    expect(queue.add(item("b", 20))).toBe(1);
  });

  test("puts a request that comes back where its arrival puts it", () => {
    const queue = new AppQueue<Item>();
    queue.add(item("a", 10));
    queue.add(item("b", 20));
    queue.add(item("c", 30));
    queue.add(item("back", 15));
    expect(names(queue)).toEqual(["a", "back", "b", "c"]);
  });

  test("says how many stand before a request that comes back", () => {
    const queue = new AppQueue<Item>();
    queue.add(item("a", 10));
    queue.add(item("b", 20));
    expect(queue.add(item("back", 15))).toBe(1);
  });

  test("keeps the order of calling among requests of the same arrival", () => {
    const queue = new AppQueue<Item>();
    for (const name of ["a", "b", "c"]) queue.add(item(name, 5));
    expect(names(queue)).toEqual(["a", "b", "c"]);
  });

  test("lets a request out of its middle", () => {
    const queue = new AppQueue<Item>();
    const b = item("b", 2);
    queue.add(item("a", 1));
    queue.add(b);
    queue.add(item("c", 3));
    expect(queue.remove(b)).toBe(true);
    expect(queue.remove(b)).toBe(false);
    expect(names(queue)).toEqual(["a", "c"]);
    expect(queue.size).toBe(2);
  });

  test("does what a sorted list does, whatever is asked of it", () => {
    const action = fc.oneof(
      { weight: 4, arbitrary: fc.record({ add: fc.nat(50) }) },
      { weight: 2, arbitrary: fc.constant({ take: true }) },
      { weight: 2, arbitrary: fc.record({ remove: fc.nat(400) }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 400, size: "max" }), (actions) => {
        const queue = new AppQueue<Item>();
        const model: Item[] = [];
        let count = 0;
        for (const one of actions) {
          if ("add" in one) {
            const added = item(`r${count++}`, one.add);
            const behind = model.findIndex(({ arrival }) => arrival > added.arrival);
            const at = behind === -1 ? model.length : behind;
            model.splice(at, 0, added);
            expect(queue.add(added)).toBe(at);
          } else if ("remove" in one) {
            const gone = model[one.remove % Math.max(1, model.length)];
            if (gone === undefined) continue;
            model.splice(model.indexOf(gone), 1);
            expect(queue.remove(gone)).toBe(true);
          } else {
            expect(queue.take()).toBe(model.shift());
          }
          expect(queue.size).toBe(model.length);
        }
        expect(queue.all()).toEqual(model);
      }),
    );
  });
});
