import path from "node:path";
import { getLogger } from "tsunicorn";
import { readModelFolder } from "./model-folder.ts";
import {
  importTransformersPackage,
  type TextModel,
  type Token,
  type Tokenizer,
  type TransformersPackage,
} from "./package.ts";
import type { TransformersSettings } from "./settings.ts";

/** How a model chooses its tokens where a request does not say. */
export interface Defaults {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
}

/** An ONNX model in memory, ready to answer. */
export interface LoadedTransformers {
  readonly library: TransformersPackage;
  readonly model: TextModel;
  readonly tokenizer: Tokenizer;
  /** The most tokens that it can read and write together. */
  readonly contextSize: number;
  /** Tokens that end an answer. */
  readonly ends: ReadonlySet<Token>;
  readonly defaults: Defaults;
  /** The chat template, where the tokenizer does not have it. */
  readonly template?: string;
}

// For those that say nothing of it themselves.
const TEMPERATURE = 0.8;
const TOP_P = 0.95;
const TOP_K = 40;

// Models without a template were not made for conversations; most go on with this one.
const PLAIN_TEMPLATE =
  "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}{{ 'assistant:' }}";

/**
 * Loads an ONNX model, and tells the log how long it took.
 *
 * @param packages the folder in which @huggingface/transformers is looked for, where it is not beside the chat's other
 *   packages.
 * @throws Error that says what is missing or wrong, and what to do about it.
 */
export async function loadTransformers(
  settings: TransformersSettings,
  packages?: string,
): Promise<LoadedTransformers> {
  const { folder, threads } = settings;
  const { subfolder, name, dtype, template } = await readModelFolder(settings);
  const library = await importTransformersPackage(packages);
  const log = getLogger();
  const began = performance.now();
  log.info(`loading ${path.basename(folder)} (${dtype})`);
  try {
    const tokenizer = await library.AutoTokenizer.from_pretrained(folder);
    const model = await library.AutoModelForCausalLM.from_pretrained(folder, {
      device: "cpu",
      dtype,
      subfolder,
      model_file_name: name,
      session_options: threads > 0 ? { intraOpNumThreads: threads } : {},
    });
    const contextSize = contextSizeOf(settings.contextSize, model, tokenizer);
    const took = ((performance.now() - began) / 1000).toFixed(1);
    log.info(
      `${path.basename(folder)} is loaded, for answers of ${contextSize} tokens each, after ${took} s`,
    );
    return {
      ...{ library, model, tokenizer, contextSize },
      ends: endsOf(model, tokenizer),
      defaults: defaultsOf(model.generation_config),
      ...(tokenizer.chat_template === null && { template: template ?? PLAIN_TEMPLATE }),
    };
  } catch (error) {
    throw new Error(`${folder} cannot be loaded: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

function contextSizeOf(wanted: number, { config }: TextModel, tokenizer: Tokenizer): number {
  const own = [config, fieldOf(config, "text_config")].flatMap((from) =>
    ["max_position_embeddings", "n_positions"].map((key) => fieldOf(from, key)),
  );
  // A tokenizer that does not know says some number that nothing has, so the smallest is not always told.
  const room = [...own, tokenizer.model_max_length].find((size) => typeof size === "number" && size >= 1);
  return Math.min(wanted, Number(room ?? wanted));
}

function endsOf({ config, generation_config }: TextModel, tokenizer: Tokenizer): Set<Token> {
  const said = [config, generation_config].flatMap((from) => fieldOf(from, "eos_token_id"));
  return new Set([...said, tokenizer.eos_token_id].filter((token) => typeof token === "number"));
}

function defaultsOf(generation: unknown): Defaults {
  const number = (key: string, otherwise: number) => {
    const value = fieldOf(generation, key);
    return typeof value === "number" && value >= 0 ? value : otherwise;
  };
  const greedy = fieldOf(generation, "do_sample") === false;
  return {
    temperature: greedy ? 0 : number("temperature", TEMPERATURE),
    topP: number("top_p", TOP_P),
    topK: number("top_k", TOP_K),
  };
}

// Config files are whatever an exporter wrote.
function fieldOf(from: unknown, key: string): unknown {
  return typeof from === "object" && from !== null ? Reflect.get(from, key) : undefined;
}
