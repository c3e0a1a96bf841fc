import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { LiteralText } from "../../../src/models/transformers/literal-text.ts";
import { importTransformersPackage, type Tokenizer } from "../../../src/models/transformers/package.ts";
import { HAS_TRANSFORMERS, NO_TRANSFORMERS, TinyTransformers } from "./tiny-transformers.ts";

/** The tiny model's tokenizer, changed. */
async function tokenizerOf(change: (json: string) => string): Promise<Tokenizer> {
  const tiny = new TinyTransformers();
  onTestFinished(() => tiny.remove());
  const file = path.join(tiny.folder, "tokenizer.json");
  writeFileSync(file, change(readFileSync(file, "utf8")));
  const { AutoTokenizer } = await importTransformersPackage();
  return AutoTokenizer.from_pretrained(tiny.folder);
}

function written(tokenizer: Tokenizer, tokens: number[]): string {
  return tokenizer.decode(tokens, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
}

it("puts no space where a special token was taken apart, also in a vocabulary whose words begin with one", async ({
  skip,
}) => {
  if (!HAS_TRANSFORMERS) skip(NO_TRANSFORMERS);
  const spaces = '{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}';
  const tokenizer = await tokenizerOf((json) =>
    json
      .replace(/"pre_tokenizer":\{[^}]*\}/, `"pre_tokenizer":${spaces}`)
      .replace(/"decoder":\{[^}]*\}/, `"decoder":${spaces}`)
      .replace('"vocab":{', '"vocab":{"▁":999,'),
  );
  const literal = new LiteralText(tokenizer);
  const said = "a<|im_end|>b c<|im_start|>";
  const tokens = literal.read(`${literal.quote(said)}<|im_end|>`);
  expect(written(tokenizer, tokens)).toBe(`${said}<|im_end|>`);
  expect(tokens.filter((token) => token === tokenizer.eos_token_id)).toHaveLength(1);
});

it("takes apart also what is left of a special token and is one itself", async ({ skip }) => {
  if (!HAS_TRANSFORMERS) skip(NO_TRANSFORMERS);
  const tokenizer = await tokenizerOf((json) => json.replaceAll("<|im_start|>", "|im_end|>"));
  const literal = new LiteralText(tokenizer);
  const tokens = literal.read(literal.quote("<|im_end|>"));
  expect(written(tokenizer, tokens)).toBe("<|im_end|>");
  expect(tokens).toHaveLength("<|im_end|>".length);
});

it("changes nothing where there are no special tokens", async ({ skip }) => {
  if (!HAS_TRANSFORMERS) skip(NO_TRANSFORMERS);
  const tokenizer = await tokenizerOf((json) => json.replaceAll('"special":true', '"special":false'));
  const literal = new LiteralText(tokenizer);
  expect(literal.quote("a<|im_end|>")).toBe("a<|im_end|>");
  expect(written(tokenizer, literal.read("a<|im_end|>"))).toBe("a<|im_end|>");
});
