import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Embedder } from "../../../src/models/transformers/embedder.ts";
import { readModelFolder } from "../../../src/models/transformers/model-folder.ts";
import { transformersSettings } from "../../../src/models/transformers/settings.ts";
import { writeTinyEncoder } from "./tiny-encoder.ts";
import { HAS_TRANSFORMERS, NO_TRANSFORMERS } from "./tiny-transformers.ts";

const { signal } = new AbortController();

/** A folder that lives as long as the test. @param pooling what sentence-transformers says of it. */
function folderOf({ pooling = "", output = "last_hidden_state" } = {}): string {
  const folder = mkdtempSync(path.join(tmpdir(), "tsuonnx-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeTinyEncoder(folder, output);
  if (pooling !== "") {
    mkdirSync(path.join(folder, "1_Pooling"));
    writeFileSync(path.join(folder, "1_Pooling/config.json"), JSON.stringify({ [pooling]: true }));
  }
  return folder;
}

/** A model that lives as long as the test. */
async function embedderOf(how: Parameters<typeof folderOf>[0] = {}): Promise<Embedder> {
  const settings = transformersSettings({ CHAT_TRANSFORMERS_THREADS: "1" }, folderOf(how));
  const embedder = await Embedder.load(settings);
  onTestFinished(() => embedder.close());
  return embedder;
}

/** Two numbers with this ratio, of length 1. */
function direction(first: number): unknown[] {
  return [expect.closeTo(first / Math.hypot(first, 1), 5), expect.closeTo(1 / Math.hypot(first, 1), 5)];
}

describe("an ONNX model that embeds", { timeout: 90_000 }, () => {
  it("makes of each text what it makes of its tokens, on the average", async ({ skip }) => {
    if (!HAS_TRANSFORMERS) skip(NO_TRANSFORMERS);
    const embedder = await embedderOf();
    expect(await embedder.embed(["a", "bc"], signal)).toEqual([direction(97), direction(98.5)]);
    expect(embedder.countTokens("bc")).toBe(2);
  });

  it.for([
    ["pooling_mode_cls_token", 98],
    ["pooling_mode_lasttoken", 99],
    ["pooling_mode_mean_tokens", 98.5],
  ] as const)("may take another part of them: %s", async ([pooling, is], { skip }) => {
    if (!HAS_TRANSFORMERS) skip(NO_TRANSFORMERS);
    expect(await (await embedderOf({ pooling })).embed(["bc"], signal)).toEqual([direction(is)]);
  });

  it("refuses what is too long or nothing, and to answer", async ({ skip }) => {
    if (!HAS_TRANSFORMERS) skip(NO_TRANSFORMERS);
    const embedder = await embedderOf();
    await expect(embedder.embed(["a", "x".repeat(17)], signal)).rejects.toMatchObject({
      name: "UnsupportedRequestError",
      message: "A text has 17 tokens. This model embeds texts of 1 to 16.",
      details: { code: "context_length_exceeded", param: "input" },
    });
    await expect(embedder.embed([""], signal)).rejects.toThrow("A text has 0 tokens");
    await expect(embedder.stream().next()).rejects.toThrow("This model embeds texts, and writes none.");
  });

  it("ends when its reader leaves", async ({ skip }) => {
    if (!HAS_TRANSFORMERS) skip(NO_TRANSFORMERS);
    const embedder = await embedderOf();
    const [reason, controller] = [new Error("the reader left"), new AbortController()];
    const left = embedder.embed(["a", "b", "c"], controller.signal);
    controller.abort(reason);
    await expect(left).rejects.toBe(reason);
    expect(await embedder.embed(["a"], signal)).toEqual([direction(97)]);
  });

  it("says what the graph makes instead of an embedding", async ({ skip }) => {
    if (!HAS_TRANSFORMERS) skip(NO_TRANSFORMERS);
    const embedder = await embedderOf({ output: "pixels" });
    await expect(embedder.embed(["a"], signal)).rejects.toThrow("the model makes no embeddings, but pixels");
  });

  it("is known by the architecture that its config names", async () => {
    const folder = folderOf();
    const known = {
      BertModel: true,
      JinaBertForMaskedLM: true,
      GPT2LMHeadModel: false,
      LlamaForCausalLM: false,
    };
    for (const [architecture, embeds] of Object.entries(known)) {
      writeFileSync(path.join(folder, "config.json"), JSON.stringify({ architectures: [architecture] }));
      expect((await readModelFolder(transformersSettings({}, folder))).embeds).toBe(embeds);
    }
    writeFileSync(path.join(folder, "config.json"), "{");
    await expect(readModelFolder(transformersSettings({}, folder))).rejects.toThrow(
      /config\.json cannot be read/,
    );
  });
});
