import path from "node:path";
import { getLogger } from "tsunicorn";
import { fieldOf, type ModelFolder, readModelFolder } from "./model-folder.ts";
import {
  importTransformersPackage,
  type ModelLoader,
  type Tokenizer,
  type TransformersPackage,
} from "./package.ts";
import type { TransformersSettings } from "./settings.ts";

/** A model of a folder in memory, and its tokenizer. */
export interface OpenedModel<M> {
  readonly library: TransformersPackage;
  readonly model: M;
  readonly tokenizer: Tokenizer;
  readonly folder: ModelFolder;
  /** The most tokens that it can see together. */
  readonly contextSize: number;
}

/**
 * Loads a model of some kind, and tells the log how long it took.
 *
 * @param loaderOf what loads models of that kind.
 * @param packages the folder in which @huggingface/transformers is looked for, where it is not beside the chat's other
 *   packages.
 * @throws Error that says what is missing or wrong, and what to do about it.
 */
export async function openModel<M extends { readonly config: unknown }>(
  settings: TransformersSettings,
  loaderOf: (library: TransformersPackage) => ModelLoader<M>,
  packages?: string,
): Promise<OpenedModel<M>> {
  const folder = await readModelFolder(settings);
  const library = await importTransformersPackage(packages);
  const log = getLogger();
  const name = path.basename(settings.folder);
  const began = performance.now();
  log.info(`loading ${name} (${folder.dtype})`);
  try {
    const tokenizer = await library.AutoTokenizer.from_pretrained(settings.folder);
    const model = await loaderOf(library).from_pretrained(settings.folder, {
      device: "cpu",
      dtype: folder.dtype,
      subfolder: folder.subfolder,
      model_file_name: folder.name,
      session_options: settings.threads > 0 ? { intraOpNumThreads: settings.threads } : {},
    });
    const contextSize = Math.min(settings.contextSize, ...sizesOf(model.config), tokenizer.model_max_length);
    const took = ((performance.now() - began) / 1000).toFixed(1);
    log.info(`${name} is loaded, for ${contextSize} tokens at once, after ${took} s`);
    return { library, model, tokenizer, folder, contextSize };
  } catch (error) {
    throw new Error(
      `${settings.folder} cannot be loaded: ${error instanceof Error ? error.message : error}`,
      {
        cause: error,
      },
    );
  }
}

function sizesOf(config: unknown): number[] {
  return [config, fieldOf(config, "text_config")]
    .flatMap((from) => ["max_position_embeddings", "n_positions"].map((key) => fieldOf(from, key)))
    .filter((size): size is number => typeof size === "number" && size >= 1);
}
