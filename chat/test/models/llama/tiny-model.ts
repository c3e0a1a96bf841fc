import { writeFileSync } from "node:fs";
import { type GgufTensor, ggufFile } from "./gguf-file.ts";

/** What the tiny model says when nothing is left to chance. */
export const SAYS =
  "Each morning a café near the old harbour opens its blue door, then cook and kettle sing together while fresh " +
  "bread cools by an east window. Ships come home when rain has gone: two children wave at them from under one large umbrella";

/** A text that a model takes some time for: each of its words is another. */
export const SAYS_MUCH: string = Array.from({ length: 500 }, (_, at) => `w${letters(at)}`).join(" ");

const END = "<|im_end|>";
const SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", END];
const KIND = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;
const SPACE = "\u2581";
const TEMPLATE =
  "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{'<|im_start|>assistant\\n'}}{% endif %}";

/** Width of a head of the layers' inner parts; the least that llama.cpp takes well. */
const HEAD_WIDTH = 32;

/** Logits of what follows, of what might follow, and of all else. */
const NEXT = 12;
const MAYBE = 11;
const NEVER = -12;
/** Of bytes: no text is read as those of a character that is a token. */
const SPELLED = -100;

interface Vocabulary {
  readonly texts: readonly string[];
  readonly scores: readonly number[];
  readonly kinds: readonly number[];
  readonly idOf: (text: string) => number;
}

// Every word is one token, and so is each of its beginnings: the tokenizer puts tokens together pair by pair, and a
// longer one has the better score. What is in no word is spelled in bytes.
function vocabularyOf(words: readonly string[]): Vocabulary {
  const entries = new Map<string, { score: number; kind: number }>();
  const add = (text: string, score: number, kind: number) => {
    if (!entries.has(text)) entries.set(text, { score, kind });
  };
  for (const text of SPECIAL) add(text, 0, text === "<unk>" ? KIND.unknown : KIND.control);
  for (let byte = 0; byte < 256; byte++) add(byteToken(byte), 0, KIND.byte);
  for (const word of words) {
    for (let length = 1; length <= word.length; length++)
      add(word.slice(0, length), length - 100, KIND.normal);
  }
  for (let code = 32; code < 127; code++) {
    const character = String.fromCharCode(code).replace(" ", SPACE);
    add(character, -200, KIND.normal);
  }
  const texts = [...entries.keys()];
  const rows = [...entries.values()];
  const ids = new Map(texts.map((text, id) => [text, id]));
  const idOf = (text: string) => {
    const id = ids.get(text);
    if (id === undefined) throw new Error(`no token is ${JSON.stringify(text)}`);
    return id;
  };
  return { texts, scores: rows.map(({ score }) => score), kinds: rows.map(({ kind }) => kind), idOf };
}

// Three of them, so that many words have few beginnings, each of which is a token.
function letters(number: number): string {
  return [100, 10, 1].map((of) => String.fromCharCode(97 + (Math.floor(number / of) % 10))).join("");
}

function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** The text's tokens; é is left to the bytes, so that one character takes two of them. */
function tokensOf(text: string): string[] {
  const pieces = text.match(/ ?[A-Za-z]+|é|[.,:]/g) ?? [];
  return pieces.flatMap((piece, at) => {
    if (piece === "é") return [...Buffer.from(piece)].map(byteToken);
    return [at === 0 ? SPACE + piece : piece.replace(" ", SPACE)];
  });
}

// Chance may leave out a few words here and there, so that seeds differ, and never repeats any, so that it ends.
const SKIP_EVERY = 3;
const SKIP = 4;

function followersOf(
  said: readonly string[],
  chance: boolean,
): Map<string, { next: string; maybe?: string }> {
  if (new Set(said).size < said.length)
    throw new Error("the model knows its place by the last token: each once");
  return new Map(
    said.map((token, at) => {
      const next = said[at + 1] ?? END;
      const maybe = chance && token.length > 3 && at % SKIP_EVERY === 0 ? said[at + SKIP] : undefined;
      return [token, maybe === undefined ? { next } : { next, maybe }];
    }),
  );
}

/** How a tiny model is made; what is left out is what the tests use. */
export interface TinyModelShape {
  /** The most tokens of one conversation. */
  readonly contextLength?: number;
  /** What it says: words of letters, each once. Default: {@link SAYS}. */
  readonly says?: string;
  /** How likely it begins anew behind its last word, where its end has a logit of 12. Default: not at all. */
  readonly again?: number;
  /** How often it computes what comes to nothing, and how wide that is, in steps of 32: what a token costs. */
  readonly layers?: number;
  readonly width?: number;
}

/**
 * Writes a GGUF file of the Llama architecture, of about 2 MB, that llama.cpp runs like any other. It looks at the
 * last token only, and says what follows it in its text, whatever it was asked. Each conversation is in ChatML. Chance
 * leaves out some words of {@link SAYS} where the temperature is above 0, and none of any other text. More layers, and
 * wider ones, make it larger and slower; it says the same.
 */
export function writeTinyModel(
  file: string,
  { contextLength = 2048, says = SAYS, again = NEVER, layers = 1, width = HEAD_WIDTH }: TinyModelShape = {},
): void {
  const said = tokensOf(says);
  const vocabulary = vocabularyOf(said.filter((token) => token.length > 1 && !token.startsWith("<0x")));
  const { texts, scores, kinds, idOf } = vocabulary;
  const size = Math.ceil(texts.length / 32) * 32;
  const spare = Array.from({ length: size - texts.length }, (_, at) => `<spare${at}>`);
  const followers = followersOf(said, says === SAYS);
  const logits = new Map<number, Map<number, number>>();
  for (const [token, { next, maybe }] of followers) {
    const row = new Map([[idOf(next), NEXT]]);
    if (maybe !== undefined) row.set(idOf(maybe), MAYBE);
    if (next === END) row.set(idOf(said[0] ?? ""), again);
    logits.set(idOf(token), row);
  }
  const first = new Map([[idOf(said[0] ?? ""), NEXT]]);
  // The embedding is one number for each token, which nothing in the layer changes, so the last matrix is the table.
  const tensors: GgufTensor[] = [
    { name: "token_embd.weight", columns: size, rows: size, at: (row, column) => (row === column ? 1 : 0) },
    { name: "output_norm.weight", columns: size, at: () => 1 / Math.sqrt(size) },
    {
      name: "output.weight",
      columns: size,
      rows: size,
      at: (to, from) => (logits.get(from) ?? first).get(to) ?? (kinds[to] === KIND.byte ? SPELLED : NEVER),
    },
    ...Array.from({ length: layers }, (_, number) => layer(number, size, width)).flat(),
  ];
  const head = {
    "general.architecture": { text: "llama" },
    "general.name": { text: "tiny" },
    "general.file_type": { u32: 0 },
    "llama.block_count": { u32: layers },
    "llama.context_length": { u32: contextLength },
    "llama.embedding_length": { u32: size },
    "llama.feed_forward_length": { u32: width },
    "llama.attention.head_count": { u32: width / HEAD_WIDTH },
    "llama.attention.head_count_kv": { u32: width / HEAD_WIDTH },
    "llama.attention.key_length": { u32: HEAD_WIDTH },
    "llama.attention.value_length": { u32: HEAD_WIDTH },
    "llama.attention.layer_norm_rms_epsilon": { f32: 1e-5 },
    "llama.rope.dimension_count": { u32: HEAD_WIDTH },
    "llama.rope.freq_base": { f32: 10_000 },
    "llama.vocab_size": { u32: size },
    "tokenizer.ggml.model": { text: "llama" },
    "tokenizer.ggml.pre": { text: "default" },
    "tokenizer.ggml.tokens": { texts: [...texts, ...spare] },
    "tokenizer.ggml.scores": { f32s: [...scores, ...spare.map(() => 0)] },
    "tokenizer.ggml.token_type": { i32s: [...kinds, ...spare.map(() => 5)] },
    "tokenizer.ggml.unknown_token_id": { u32: 0 },
    "tokenizer.ggml.bos_token_id": { u32: 1 },
    "tokenizer.ggml.eos_token_id": { u32: 2 },
    "tokenizer.ggml.eot_token_id": { u32: idOf(END) },
    "tokenizer.ggml.add_bos_token": { bool: true },
    "tokenizer.ggml.add_eos_token": { bool: false },
    "tokenizer.chat_template": { text: TEMPLATE },
  };
  writeFileSync(file, ggufFile(head, tensors));
}

function layer(number: number, size: number, width: number): GgufTensor[] {
  const named = (name: string) => `blk.${number}.${name}.weight`;
  const vector = (name: string) => ({ name: named(name), columns: size, at: () => 1 });
  // Some numbers or others: what comes of them is multiplied by nothing on its way out.
  const some = (row: number, column: number) => ((row * 31 + column * 17) % 13) / 100 - 0.06;
  const into = (name: string) => ({ name: named(name), columns: size, rows: width, at: some });
  const outOf = (name: string) => ({ name: named(name), columns: width, rows: size, at: () => 0 });
  return [
    ...["attn_norm", "ffn_norm"].map(vector),
    ...["attn_q", "attn_k", "attn_v", "ffn_gate", "ffn_up"].map(into),
    ...["attn_output", "ffn_down"].map(outOf),
  ];
}
