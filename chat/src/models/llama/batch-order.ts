import type { BatchItem, BatchPart } from "./package.ts";

/**
 * Fills a batch from the tokens that wait, for node-llama-cpp to compute: a share for each, then what is left in their
 * order.
 *
 * They stand in the order of their sequences, those with the fewest tokens first. llama.cpp computes together only what
 * stands side by side in that order: in any other, each weight of the model is read several times for one batch.
 *
 * @param batch.items each with its sequence's place as its priority.
 * @param batch.size the most tokens of the batch; at least as many as there are items.
 */
export function orderBatch({ items, size }: { items: readonly BatchItem[]; size: number }): BatchPart[] {
  const share = Math.floor(size / items.length);
  const parts = items
    .toSorted((a, b) => a.tokens.length - b.tokens.length || a.evaluationPriority - b.evaluationPriority)
    .map((item) => ({ item, processAmount: Math.min(item.tokens.length, share) }));
  let left = size - parts.reduce((sum, { processAmount }) => sum + processAmount, 0);
  for (const part of parts) {
    const more = Math.min(part.item.tokens.length - part.processAmount, left);
    part.processAmount += more;
    left -= more;
  }
  return parts;
}
