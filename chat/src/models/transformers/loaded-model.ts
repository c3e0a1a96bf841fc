import { LiteralText } from "./literal-text.ts";
import { fieldOf } from "./model-folder.ts";
import { openModel } from "./open-model.ts";
import type { TextModel, Token, Tokenizer, TransformersPackage } from "./package.ts";
import type { TransformersSettings } from "./settings.ts";
import { Turns } from "./turns.ts";

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
  readonly literal: LiteralText;
  /** The most tokens that it can read and write together. */
  readonly contextSize: number;
  /** In which its answers are computed, since the runtime holds the event loop meanwhile. */
  readonly turns: Turns;
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
 * Loads an ONNX model that writes text.
 *
 * @param packages the folder in which @huggingface/transformers is looked for, where it is not beside the chat's other
 *   packages.
 * @throws Error that says what is missing or wrong, and what to do about it.
 */
export async function loadTransformers(
  settings: TransformersSettings,
  packages?: string,
): Promise<LoadedTransformers> {
  const opened = await openModel(settings, (library) => library.AutoModelForCausalLM, packages);
  const { library, model, tokenizer, contextSize, folder } = opened;
  return {
    ...{ library, model, tokenizer, contextSize },
    literal: new LiteralText(tokenizer),
    turns: new Turns(),
    ends: endsOf(model, tokenizer),
    defaults: defaultsOf(model.generation_config),
    ...(tokenizer.chat_template === null && { template: folder.template ?? PLAIN_TEMPLATE }),
  };
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
