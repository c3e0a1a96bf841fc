/**
 * A slot is a lease on one place in one worker: its id is the epoch of the dirty arbiter that granted it and
 * a counter, in one number, and is never used twice.
 */
const COUNTER = 2 ** 32;

/** The id of the `counter`th slot of an epoch. */
export function slotId(epoch: number, counter: number): number {
  return epoch * COUNTER + counter;
}

/** The epoch that granted a slot. */
export function epochOf(slot: number): number {
  return Math.floor(slot / COUNTER);
}
