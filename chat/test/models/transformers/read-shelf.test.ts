import { expect, it } from "vitest";
import { ReadShelf, type ReadTokens } from "../../../src/models/transformers/read-shelf.ts";

/** What a model has read. */
function read(...tokens: number[]): ReadTokens {
  return { tokens, cache: { get_seq_length: () => tokens.length } };
}

/** Keeps what was read of conversations, one after another. */
function shelfWith(most: number, ...all: readonly ReadTokens[]): ReadShelf {
  const shelf = new ReadShelf(most);
  for (const each of all) {
    shelf.take([]);
    shelf.give(each);
  }
  return shelf;
}

it("a conversation that goes on gets the most that was read of it, and no other conversation does", () => {
  const [short, long, other] = [read(1, 2), read(1, 2, 3, 4), read(9)];
  const shelf = shelfWith(4, short, long, other);
  expect(shelf.take([1, 2, 3, 4, 5])).toBe(long);
  expect(shelf.take([1, 2, 3, 4, 5])).toBe(short);
  expect(shelf.take([1, 2, 3, 4, 5])).toBeUndefined();
});

it("what was read of another, or leaves nothing to be read, is of no use", () => {
  const shelf = shelfWith(4, read(1, 2, 3));
  expect(shelf.take([1, 2, 7, 8])).toBeUndefined();
  expect(shelf.take([1, 2, 3])).toBeUndefined();
  expect(shelf.take([1])).toBeUndefined();
});

it("no more is held than answers are made at once, those in progress included", () => {
  const [first, second, third] = [read(1), read(2), read(3)];
  const shelf = shelfWith(2, first, second, third);
  expect(shelf.take([1, 5])).toBeUndefined();
  // That one answer is in progress, so only one conversation is kept beside it.
  expect(shelf.take([2, 5])).toBeUndefined();
  shelf.give(read());
  shelf.give(third);
  expect(shelf.take([3, 5])).toBe(third);
  expect(shelfWith(0, first).take([1, 5])).toBeUndefined();
});
