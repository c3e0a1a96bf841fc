import { describe, expect, it } from "vitest";
import { inBand } from "../../src/models/in-band.ts";
import type { Piece } from "../../src/models/model.ts";
import { WholeCharacters } from "../../src/models/whole-characters.ts";

function joined(...pieces: readonly Piece[]): Piece[] {
  const characters = new WholeCharacters();
  return [...pieces.flatMap((piece) => characters.push(piece) ?? []), ...characters.end()];
}

const args = (text: string, index = 0): Piece => ({ toolCalls: [{ index, function: { arguments: text } }] });

describe("the halves of a character", () => {
  it("are joined, where they come in two pieces", () => {
    expect(joined("a\ud83d", "\ude00b")).toEqual(["a", "😀b"]);
    expect(joined("\ud83d", "\ude00\ud83d", "\ude01")).toEqual(["😀", "😁"]);
    expect(joined({ reasoning: "\ud83d" }, { reasoning: "\ude00" })).toEqual([{ reasoning: "😀" }]);
    expect(joined({ refusal: "\ud83d" }, { refusal: "\ude00" })).toEqual([{ refusal: "😀" }]);
    expect(joined(args('{"a":"\ud83d'), args("\ude00"), args('"}'))).toEqual([
      args('{"a":"'),
      args("😀"),
      args('"}'),
    ]);
  });

  it("wait for each other also where something else comes between", () => {
    expect(joined("\ud83d", { reasoning: "hm" }, "\ude00")).toEqual([{ reasoning: "hm" }, "😀"]);
    expect(joined(args("\ud83d", 0), args("\ud83d", 1), args("\ude01", 1), args("\ude00", 0))).toEqual([
      args("", 0),
      args("", 1),
      args("😁", 1),
      args("😀", 0),
    ]);
  });

  it("that stay alone are told as the sign for what is missing", () => {
    expect(joined("a\ud83d")).toEqual(["a", "\ufffd"]);
    expect(joined({ reasoning: "\ud83d" })).toEqual([{ reasoning: "\ufffd" }]);
    expect(joined(args("\ud83d"))).toEqual([args(""), args("\ufffd")]);
  });

  it("are joined in text alone too", async () => {
    async function* pieces(): AsyncGenerator<Piece> {
      yield { reasoning: "\ud83d" };
      yield { reasoning: "\ude00" };
      yield "\ud83d";
      yield "\ude01";
      yield { refusal: "no\ud83d" };
    }
    const chunks: string[] = [];
    for await (const chunk of inBand(pieces(), true, [])) chunks.push(chunk);
    expect(chunks).toEqual(["[thinking\n", "😀", "]\n\n", "😁", "no", "\ufffd"]);
  });

  it("cost nothing where every character is whole: a piece passes as it is", () => {
    const piece = { reasoning: "whole" };
    expect(new WholeCharacters().push(piece)).toBe(piece);
  });
});
