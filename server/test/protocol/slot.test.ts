import fc from "fast-check";
import { expect, test } from "vitest";
import { epochOf, slotId } from "../../src/protocol/slot.ts";
import { decodeTlv } from "../../src/protocol/tlv-reader.ts";
import { encodeTlv } from "../../src/protocol/tlv-writer.ts";

const epoch = fc.nat(2 ** 21 - 1);
const counter = fc.nat(2 ** 32 - 1);

test("a slot's id names its epoch, and crosses as the number it is", () => {
  fc.assert(
    fc.property(epoch, counter, (granted, count) => {
      const slot = slotId(granted, count);
      expect(epochOf(slot)).toBe(granted);
      expect(decodeTlv(encodeTlv(slot))).toBe(slot);
    }),
  );
});

test("every slot of a later epoch is greater than any of an earlier one", () => {
  expect(slotId(2, 0)).toBeGreaterThan(slotId(1, 2 ** 32 - 1));
  expect(epochOf(slotId(1, 2 ** 32 - 1))).toBe(1);
  expect(epochOf(slotId(2, 0))).toBe(2);
});
