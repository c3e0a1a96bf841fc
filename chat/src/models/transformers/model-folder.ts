import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { DTYPES, type Dtype, type TransformersSettings } from "./settings.ts";

/** What of a folder is to be loaded. */
export interface ModelFolder {
  /** Where the graph is: `onnx`, or empty for the folder itself. */
  readonly subfolder: string;
  /** The graph's name, without what the numbers' kind adds to it. */
  readonly name: string;
  readonly dtype: Dtype;
  /** Whether it embeds texts, and writes none. */
  readonly embeds: boolean;
  /** The chat template, where it is in a file of its own. */
  readonly template?: string;
}

const NEEDED = ["config.json", "tokenizer.json", "tokenizer_config.json"];
const SUBFOLDERS = ["onnx", ""];
// What exporters call it, today and years ago.
const NAMES = ["model", "decoder_model_merged"];

/**
 * Finds out what of a model's folder is to be loaded.
 *
 * @throws Error that says what is not there, and what to do about it.
 */
export async function readModelFolder({ folder, dtype }: TransformersSettings): Promise<ModelFolder> {
  const there = await namesIn(folder);
  if (there.length === 0) {
    throw new Error(
      `there is no model in ${folder}. It is a folder with ${NEEDED.join(", ")} and onnx/model.onnx, such as those of huggingface.co/onnx-community; git clone ADDRESS ${path.basename(folder)} fetches one`,
    );
  }
  const missing = NEEDED.filter((name) => !there.includes(name));
  if (missing.length > 0)
    throw new Error(`${folder} has no ${missing.join(" and no ")}, which belongs to every ONNX model`);
  const graph = await findGraph(folder, dtype);
  const embeds = isEncoder(await readJson(path.join(folder, "config.json")));
  const template = there.includes("chat_template.jinja")
    ? await readFile(path.join(folder, "chat_template.jinja"), "utf8")
    : undefined;
  return { ...graph, embeds, ...(template !== undefined && { template }) };
}

/**
 * Reads a JSON file, of which nothing is known.
 *
 * @throws Error that names the file.
 */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

/** A field of what an exporter wrote; undefined where the field is missing. */
export function fieldOf(from: unknown, key: string): unknown {
  return typeof from === "object" && from !== null ? Reflect.get(from, key) : undefined;
}

// A model without a head that chooses tokens, as `BertModel`; the name of GPT-2's with one ends in the same word.
function isEncoder(config: unknown): boolean {
  const [architecture] = [fieldOf(config, "architectures")].flat();
  return typeof architecture === "string" && /(?<!LMHead)(Model|MaskedLM)$/.test(architecture);
}

async function findGraph(
  folder: string,
  wanted: TransformersSettings["dtype"],
): Promise<Pick<ModelFolder, "subfolder" | "name" | "dtype">> {
  const kinds = (Object.keys(DTYPES) as Dtype[]).filter((dtype) => wanted === "auto" || dtype === wanted);
  const seen: string[] = [];
  for (const subfolder of SUBFOLDERS) {
    const files = await namesIn(path.join(folder, subfolder));
    for (const name of NAMES) {
      const dtype = kinds.find((each) => files.includes(`${name}${DTYPES[each]}.onnx`));
      if (dtype !== undefined) return { subfolder, name, dtype };
    }
    seen.push(...files.filter((file) => file.endsWith(".onnx")));
  }
  if (wanted === "auto" || seen.length === 0)
    throw new Error(`${folder} has no onnx/model.onnx. That of git clone needs git lfs too`);
  throw new Error(
    `${folder} has no onnx/model${DTYPES[wanted]}.onnx, which CHAT_TRANSFORMERS_DTYPE=${wanted} asks for. There are: ${seen.join(", ")}`,
  );
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
