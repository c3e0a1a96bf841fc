import { describe, expect, it } from "vitest";
import { fromInBand, inBand } from "../../src/models/in-band.ts";
import type { Piece } from "../../src/models/model.ts";

async function told(pieces: readonly Piece[], thinking = true, emitted: readonly string[] = []) {
  const stream = async function* () {
    yield* pieces;
  };
  const chunks: string[] = [];
  for await (const chunk of inBand(stream(), thinking, emitted)) chunks.push(chunk);
  return chunks;
}

const PIECES: Piece[] = [{ reasoning: "Hm" }, { reasoning: "[1]" }, "Well", "]", "."];

describe("pieces as text alone", () => {
  it("have the thinking phase in front, and no bracket in it that would end it", async () => {
    expect((await told(PIECES)).join("")).toBe("[thinking\nHm[1］]\n\nWell].");
  });

  it("leave out thoughts that were not asked for", async () => {
    expect(await told(PIECES, false)).toEqual(["Well", "]", "."]);
  });

  it("close a thinking phase that is all there is", async () => {
    expect((await told([{ reasoning: "Hm" }])).join("")).toBe("[thinking\nHm]\n\n");
  });

  it("can be gone on with after any chunk", async () => {
    const whole = await told(PIECES);
    for (let at = 0; at <= whole.length; at++) {
      const emitted = whole.slice(0, at);
      const had = fromInBand(emitted);
      expect(had).toEqual(PIECES.slice(0, had.length));
      expect(await told(PIECES.slice(had.length), true, emitted), `after ${at}`).toEqual(whole.slice(at));
    }
  });
});
