import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { SAYS } from "../llama/tiny-model.ts";
import { type OnnxGraph, type OnnxValue, onnxFile } from "./onnx-file.ts";

const START = "<|im_start|>";
const END = "<|im_end|>";
const THINK = "<think>";
const ANSWER = "</think>";
const CHATML =
  "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{'<|im_start|>assistant\\n'}}{% endif %}";

/** Logits of what follows, of what might follow, and of all else. */
const NEXT = 12;
const MAYBE = 11;
const NEVER = -12;

// Chance may leave out a few words here and there, so that seeds differ, and never repeats any, so that it ends.
const SKIP_EVERY = 3;
const SKIP = 4;

// How byte-level tokenizers write a byte as a character: those that can be seen stand for themselves.
const CHARACTERS = byteCharacters();

function byteCharacters(): string[] {
  const seen = (byte: number) =>
    (byte > 32 && byte < 127) || (byte > 160 && byte < 173) || (byte > 173 && byte < 256);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(seen(byte) ? byte : next++));
}

function written(text: string): string {
  return [...Buffer.from(text)].map((byte) => CHARACTERS[byte]).join("");
}

/** The text's tokens; é is left to the bytes, so that one character takes two of them. */
function tokensOf(text: string): string[] {
  const pieces = text.match(/ ?[A-Za-z]+|é|[.,:]/g) ?? [];
  return pieces.flatMap((piece) => (piece === "é" ? [...written(piece)] : [written(piece)]));
}

interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [string, string])[];
}

// Every word is one token, and so is each of its beginnings: the tokenizer puts tokens together pair by pair.
function vocabularyOf(words: readonly string[]): Vocabulary {
  const texts = new Set(CHARACTERS);
  const merges = new Map<string, [string, string]>();
  for (const word of words) {
    for (let length = 2; length <= word.length; length++) {
      const whole = word.slice(0, length);
      texts.add(whole);
      merges.set(whole, [whole.slice(0, -1), whole.slice(-1)]);
    }
  }
  const ids = new Map([...texts, START, END, THINK, ANSWER].map((text, id) => [text, id]));
  return { ids, merges: [...merges.values()] };
}

function graphOf(said: readonly string[], { ids }: Vocabulary, again: number): OnnxGraph {
  const size = ids.size;
  const idOf = (token: string | undefined) => {
    const id = ids.get(token ?? END);
    if (id === undefined) throw new Error(`no token is ${JSON.stringify(token)}`);
    return id;
  };
  if (new Set(said).size < said.length)
    throw new Error("the model knows its place by the last token: each once");
  // One row for each token: how likely each is behind it.
  const table = new Float32Array(size * size).fill(NEVER);
  for (let id = 0; id < size; id++) table[id * size + idOf(said[0])] = NEXT;
  said.forEach((token, at) => {
    const row = idOf(token) * size;
    table[row + idOf(said[0])] = at === said.length - 1 ? again : NEVER;
    const maybe = said[at + SKIP];
    if (token.length > 3 && at % SKIP_EVERY === 0 && maybe !== undefined) table[row + idOf(maybe)] = MAYBE;
    table[row + idOf(said[at + 1])] = NEXT;
  });
  const end = new Float32Array(size);
  end[idOf(END)] = 1000;

  const past = (name: string, length: string): OnnxValue => ({
    name,
    kind: "float",
    shape: ["batch_size", 1, length, 1],
  });
  return {
    inputs: [
      { name: "input_ids", kind: "int64", shape: ["batch_size", "sequence_length"] },
      { name: "attention_mask", kind: "int64", shape: ["batch_size", "total_sequence_length"] },
      { name: "position_ids", kind: "int64", shape: ["batch_size", "sequence_length"] },
      past("past_key_values.0.key", "past_sequence_length"),
      past("past_key_values.0.value", "past_sequence_length"),
    ],
    outputs: [
      { name: "logits", kind: "float", shape: ["batch_size", "sequence_length", size] },
      past("present.0.key", "total_sequence_length"),
      past("present.0.value", "total_sequence_length"),
    ],
    tensors: [
      { name: "table", kind: "float", shape: [size, size], numbers: table },
      { name: "end", kind: "float", shape: [size], numbers: end },
      { name: "axes", kind: "int64", shape: [2], numbers: [1, 3] },
      { name: "one", kind: "int64", shape: [1], numbers: [1] },
      { name: "two", kind: "int64", shape: [1], numbers: [2] },
      { name: "last", kind: "int64", shape: [1], numbers: [-1] },
    ],
    nodes: [
      { operator: "Gather", inputs: ["table", "input_ids"], output: "likely", attributes: { axis: 0 } },
      // What it read is kept, as real models keep what they made of it.
      { operator: "Cast", inputs: ["input_ids"], output: "read", attributes: { to: 1 } },
      { operator: "Unsqueeze", inputs: ["read", "axes"], output: "kept" },
      ...["key", "value"].map((name) => ({
        operator: "Concat",
        inputs: [`past_key_values.0.${name}`, "kept"],
        output: `present.0.${name}`,
        attributes: { axis: 2 },
      })),
      // If the code under test loses what was read, gives it twice or gets a place wrong, the answer ends at once.
      { operator: "Shape", inputs: ["attention_mask"], output: "mask_shape" },
      { operator: "Shape", inputs: ["present.0.key"], output: "kept_shape" },
      { operator: "Gather", inputs: ["mask_shape", "one"], output: "told", attributes: { axis: 0 } },
      { operator: "Gather", inputs: ["kept_shape", "two"], output: "known", attributes: { axis: 0 } },
      { operator: "Gather", inputs: ["position_ids", "last"], output: "place", attributes: { axis: 1 } },
      { operator: "Sub", inputs: ["told", "known"], output: "missing" },
      { operator: "Sub", inputs: ["known", "place"], output: "beyond" },
      { operator: "Sub", inputs: ["beyond", "one"], output: "misplaced" },
      { operator: "Abs", inputs: ["missing"], output: "wrong_count" },
      { operator: "Abs", inputs: ["misplaced"], output: "wrong_place" },
      { operator: "Add", inputs: ["wrong_count", "wrong_place"], output: "wrong" },
      { operator: "Cast", inputs: ["wrong"], output: "wrong_float", attributes: { to: 1 } },
      { operator: "Mul", inputs: ["wrong_float", "end"], output: "punished" },
      { operator: "Add", inputs: ["likely", "punished"], output: "logits" },
    ],
  };
}

/** How a tiny model differs from the usual one. */
export interface TinyShape {
  /** The most tokens of one conversation. */
  readonly contextLength?: number;
  /** How likely it begins anew behind its last word, where its end has a logit of 12. Default: not at all. */
  readonly again?: number;
  /** How many words it thinks before it answers. */
  readonly thoughts?: number;
  /** How it writes conversations; null where its tokenizer does not say. */
  readonly template?: string | null;
  /** The graph's file, relative to the folder. */
  readonly graph?: string;
}

/**
 * Writes a folder as exporters for transformers.js do, of about 1 MB: an ONNX graph that really runs, its tokenizer and
 * its config. It looks at the last token only, and says what follows it in {@link SAYS}, whatever it was asked. Each
 * conversation is in ChatML.
 *
 * @param folder where to; it must be there.
 */
export function writeTinyOnnx(folder: string, shape: TinyShape = {}): void {
  const { contextLength = 2048, again = NEVER, thoughts = 0, template = CHATML } = shape;
  const { graph = "onnx/model.onnx" } = shape;
  const words = tokensOf(SAYS);
  const vocabulary = vocabularyOf(words);
  const said =
    thoughts === 0 ? words : [THINK, ...words.slice(0, thoughts), ANSWER, ...words.slice(thoughts)];
  const { ids, merges } = vocabulary;
  const added = (content: string, special: boolean) => ({
    ...{ id: ids.get(content), content, special, normalized: false },
    ...{ single_word: false, lstrip: false, rstrip: false },
  });
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const json: Readonly<Record<string, object>> = {
    "config.json": {
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      vocab_size: ids.size,
      hidden_size: 1,
      num_attention_heads: 1,
      num_key_value_heads: 1,
      num_hidden_layers: 1,
      max_position_embeddings: contextLength,
      eos_token_id: ids.get(END),
    },
    "generation_config.json": { eos_token_id: [ids.get(END)] },
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      eos_token: END,
      pad_token: END,
      model_max_length: contextLength,
      clean_up_tokenization_spaces: false,
      ...(template !== null && { chat_template: template }),
    },
    "tokenizer.json": {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [added(START, true), added(END, true), added(THINK, false), added(ANSWER, false)],
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        vocab: Object.fromEntries(ids),
        merges,
      },
    },
  };
  for (const [name, content] of Object.entries(json))
    writeFileSync(path.join(folder, name), JSON.stringify(content));
  const file = path.join(folder, graph);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, onnxFile(graphOf(said, vocabulary, again)));
}
