import path from "node:path";
import { cannotFit } from "../cannot-fit.ts";
import type { Finish, Model, Piece } from "../model.ts";
import { UnsupportedRequestError } from "../unsupported.ts";
import { fieldOf, readJson } from "./model-folder.ts";
import { type OpenedModel, openModel } from "./open-model.ts";
import type { EncoderModel, Tensor, Token } from "./package.ts";
import type { TransformersSettings } from "./settings.ts";
import { Turns } from "./turns.ts";

/** What of the numbers that a model makes of each token becomes those of the whole text. */
type Pooling = "mean" | "first" | "last";

/** An ONNX model in a local folder that embeds texts, such as BERT, and answers nothing. Its embeddings are of length 1. */
export class Embedder implements Model {
  readonly #opened: OpenedModel<EncoderModel>;
  readonly #pooling: Pooling;
  readonly #turns = new Turns();

  private constructor(opened: OpenedModel<EncoderModel>, pooling: Pooling) {
    this.#opened = opened;
    this.#pooling = pooling;
  }

  /**
   * Loads the model.
   *
   * @throws Error that says what is missing or wrong, and what to do about it.
   */
  static async load(settings: TransformersSettings): Promise<Embedder> {
    const pooling = await poolingOf(settings.folder);
    return new Embedder(await openModel(settings, (library) => library.AutoModel), pooling);
  }

  // biome-ignore lint/correctness/useYield: it has nothing to say.
  async *stream(): AsyncGenerator<Piece, Finish, undefined> {
    throw new UnsupportedRequestError(
      "This model embeds texts, and writes none.",
      "model",
      "unsupported_model",
    );
  }

  async embed(inputs: readonly string[], signal: AbortSignal): Promise<number[][]> {
    const texts = inputs.map((input) => this.#read(input));
    const vectors: number[][] = [];
    for (const tokens of texts) {
      const embed = () => {
        signal.throwIfAborted();
        return this.#embed(tokens);
      };
      vectors.push(await this.#turns.take(embed));
    }
    return vectors;
  }

  countTokens(text: string): number {
    return this.#opened.tokenizer.encode(text, { add_special_tokens: true }).length;
  }

  async close(): Promise<void> {
    await this.#opened.model.dispose();
  }

  #read(input: string): Token[] {
    const { tokenizer, contextSize } = this.#opened;
    if (cannotFit(input.length, contextSize)) {
      throw new UnsupportedRequestError(
        `A text has ${input.length} characters. This model embeds texts of 1 to ${contextSize} tokens.`,
        "input",
        "context_length_exceeded",
      );
    }
    const tokens = tokenizer.encode(input, { add_special_tokens: true });
    if (tokens.length > 0 && tokens.length <= contextSize) return tokens;
    throw new UnsupportedRequestError(
      `A text has ${tokens.length} tokens. This model embeds texts of 1 to ${contextSize}.`,
      "input",
      "context_length_exceeded",
    );
  }

  async #embed(tokens: readonly Token[]): Promise<number[]> {
    const { library, model } = this.#opened;
    const tensor = (numbers: BigInt64Array) => new library.Tensor("int64", numbers, [1, tokens.length]);
    const made = await model({
      input_ids: tensor(BigInt64Array.from(tokens, BigInt)),
      attention_mask: tensor(new BigInt64Array(tokens.length).fill(1n)),
    });
    const whole = made["sentence_embedding"];
    if (whole !== undefined) return ofLengthOne(Array.from(whole.data, Number));
    const each = made["last_hidden_state"] ?? made["token_embeddings"];
    if (each === undefined)
      throw new Error(`the model makes no embeddings, but ${Object.keys(made).join(", ")}`);
    return ofLengthOne(pool(each, this.#pooling));
  }
}

// As sentence-transformers writes it; without that the mean is usual.
async function poolingOf(folder: string): Promise<Pooling> {
  const config = await readJson(path.join(folder, "1_Pooling/config.json")).catch(() => undefined);
  if (fieldOf(config, "pooling_mode_cls_token") === true) return "first";
  return fieldOf(config, "pooling_mode_lasttoken") === true ? "last" : "mean";
}

function pool({ data, dims }: Tensor, pooling: Pooling): number[] {
  const [, rows = 1, width = 0] = dims;
  const row = (at: number) => Array.from({ length: width }, (_, column) => Number(data[at * width + column]));
  if (pooling !== "mean") return row(pooling === "first" ? 0 : rows - 1);
  const sums = new Float64Array(width);
  for (let at = 0; at < rows * width; at++) sums[at % width] = (sums[at % width] ?? 0) + Number(data[at]);
  return Array.from(sums, (sum) => sum / rows);
}

function ofLengthOne(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => (length > 0 ? value / length : 0));
}
