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
  const template = there.includes("chat_template.jinja")
    ? await readFile(path.join(folder, "chat_template.jinja"), "utf8")
    : undefined;
  return { ...graph, ...(template !== undefined && { template }) };
}

async function findGraph(
  folder: string,
  wanted: TransformersSettings["dtype"],
): Promise<Omit<ModelFolder, "template">> {
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
