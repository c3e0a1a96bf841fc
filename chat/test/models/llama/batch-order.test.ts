import { expect, it } from "vitest";
import { orderBatch } from "../../../src/models/llama/batch-order.ts";

/** Fills a batch of `size` tokens, and tells which sequences it took how many tokens of. */
function order(size: number, ...waiting: [place: number, tokens: number][]): [number, number][] {
  const items = waiting.map(([evaluationPriority, length]) => ({
    evaluationPriority,
    tokens: Array.from({ length }, () => 7),
  }));
  return orderBatch({ items, size }).map(({ item, processAmount }) => [
    item.evaluationPriority,
    processAmount,
  ]);
}

it("puts answers side by side, and the prompts that are still read behind them", () => {
  expect(order(512, [3, 1], [0, 200], [2, 1], [1, 1])).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
    [0, 200],
  ]);
});

it("gives every prompt its share, and what is left to the first", () => {
  expect(order(512, [1, 512], [0, 512], [2, 1])).toEqual([
    [2, 1],
    [0, 341],
    [1, 170],
  ]);
  expect(order(512, [0, 100], [1, 300])).toEqual([
    [0, 100],
    [1, 300],
  ]);
});
