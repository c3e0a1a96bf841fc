import { pathToFileURL } from "node:url";
import { findOptionalPackage, optionalFolder } from "../optional-package.ts";

/** The version of @huggingface/transformers that the chat was tried with. */
export const TRANSFORMERS_VERSION = "4.3.1";

const NAME = "@huggingface/transformers";

/** A token's number in the model's vocabulary. */
export type Token = number;

/** Numbers in rows and columns. */
export interface Tensor {
  readonly data: ArrayLike<number | bigint>;
  readonly dims: readonly number[];
}

/** What a model made of the tokens that it has read. `generate` adds to it. */
export interface Cache {
  get_seq_length(): number;
}

/** Turns text into tokens, and tokens into text. */
export interface Tokenizer {
  readonly chat_template: unknown;
  readonly model_max_length: number;
  readonly bos_token_id?: Token | null;
  readonly eos_token_id?: Token | null;
  readonly all_special_tokens: readonly string[];
  encode(text: string, options: { add_special_tokens: boolean }): Token[];
  decode(
    tokens: Token[],
    options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean },
  ): string;
  convert_tokens_to_ids(token: string): Token | null | undefined;
  apply_chat_template(
    messages: { role: string; content: string }[],
    options: {
      tokenize: false;
      add_generation_prompt: boolean;
      enable_thinking: boolean;
      chat_template?: string;
    },
  ): unknown;
}

/** Changes how likely each token is, in place, or only looks at it. */
export type LogitsProcessor = (tokens: bigint[][], logits: Tensor) => Tensor;

/** A loaded model that writes text. */
export interface TextModel {
  readonly config: unknown;
  readonly generation_config: unknown;
  readonly sessions: Readonly<Record<string, { readonly inputNames: readonly string[] }>>;
  generate(options: {
    input_ids: Tensor;
    attention_mask: Tensor;
    past_key_values: Cache;
    logits_processor: LogitsProcessor[];
    max_new_tokens: number;
    do_sample: boolean;
    [more: string]: unknown;
  }): Promise<unknown>;
  dispose(): Promise<unknown>;
}

/** A loaded model that makes numbers of text. */
export interface EncoderModel {
  readonly config: unknown;
  (inputs: { input_ids: Tensor; attention_mask: Tensor }): Promise<Readonly<Record<string, Tensor>>>;
  dispose(): Promise<unknown>;
}

/** Loads models of one kind. */
export interface ModelLoader<M> {
  from_pretrained(
    folder: string,
    options: {
      device: "cpu";
      dtype: string;
      subfolder: string;
      model_file_name: string;
      session_options: { intraOpNumThreads?: number };
    },
  ): Promise<M>;
}

/** What the chat uses of @huggingface/transformers. */
export interface TransformersPackage {
  readonly env: { allowRemoteModels: boolean; useFSCache: boolean; useWasmCache: boolean; logLevel: number };
  readonly LogLevel: { readonly NONE: number };
  readonly AutoTokenizer: { from_pretrained(folder: string): Promise<Tokenizer> };
  readonly AutoModelForCausalLM: ModelLoader<TextModel>;
  readonly AutoModel: ModelLoader<EncoderModel>;
  readonly Tensor: new (kind: "int64", data: BigInt64Array, dims: number[]) => Tensor;
  readonly DynamicCache: new () => Cache;
  readonly random: { readonly Random: new (seed: number) => { random(): number } };
}

/** The command that installs @huggingface/transformers. */
export const INSTALL_COMMAND = "npm run transformers";

/**
 * Imports @huggingface/transformers: as any package, else from the folder in which `npm run transformers` puts it. It
 * then reads local files only.
 *
 * @param folder where else to look.
 * @throws Error that says how to install it, or why it does not run.
 */
export async function importTransformersPackage(
  folder: string = optionalFolder("transformers"),
): Promise<TransformersPackage> {
  const file = findOptionalPackage(NAME, folder);
  if (file === undefined) {
    throw new Error(
      `${NAME} is not installed, and without it no ONNX model can be run. ${INSTALL_COMMAND} installs version ${TRANSFORMERS_VERSION}`,
    );
  }
  const module: unknown = await import(pathToFileURL(file).href).catch((error: unknown) => {
    throw new Error(
      `${NAME} does not run on this machine: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  });
  if (!isTransformersPackage(module)) {
    throw new Error(
      `the ${NAME} that is installed is not what this chat knows. ${INSTALL_COMMAND} installs version ${TRANSFORMERS_VERSION}`,
    );
  }
  const { env, LogLevel } = module;
  env.allowRemoteModels = false;
  env.useFSCache = false;
  env.useWasmCache = false;
  // It would print what it was given to read; what fails is thrown too.
  env.logLevel = LogLevel.NONE;
  return module;
}

const CLASSES = ["AutoTokenizer", "AutoModelForCausalLM", "AutoModel", "Tensor", "DynamicCache"];

function isTransformersPackage(module: unknown): module is TransformersPackage {
  if (typeof module !== "object" || module === null) return false;
  const objects = ["env", "LogLevel", "random"].map((name) => Reflect.get(module, name));
  return (
    CLASSES.every((name) => typeof Reflect.get(module, name) === "function") &&
    objects.every((value) => typeof value === "object" && value !== null)
  );
}
