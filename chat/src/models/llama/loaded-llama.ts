import { stat } from "node:fs/promises";
import path from "node:path";
import { getLogger } from "tsunicorn";
import { orderBatch } from "./batch-order.ts";
import { Batches } from "./batches.ts";
import {
  type Context,
  importLlamaPackage,
  type Llama,
  type LlamaPackage,
  type LoadedModel,
} from "./package.ts";
import { computingThreads, type LlamaSettings } from "./settings.ts";

/** A GGUF file in memory, ready to answer. */
export interface LoadedLlama {
  readonly library: LlamaPackage;
  readonly llama: Llama;
  readonly model: LoadedModel;
  readonly context: Context;
  readonly batches: Batches;
  /** That compute. */
  readonly threads: number;
}

/** The least time between two lines about the progress of loading. */
const PROGRESS_EVERY_MS = 2000;

/**
 * Loads a GGUF file, and tells the log how far it is.
 *
 * @param packages the folder in which node-llama-cpp is looked for, where it is not beside the chat's other packages.
 * @throws Error that says what is missing or wrong, and what to do about it.
 */
export async function loadLlama(settings: LlamaSettings, packages?: string): Promise<LoadedLlama> {
  const { file, gpu, sequences, contextSize } = settings;
  if (!(await isFile(file))) {
    throw new Error(
      `there is no model at ${file}. Any GGUF file will do; curl -L -o ${path.basename(file)} ADDRESS fetches one`,
    );
  }
  const library = await importLlamaPackage(packages);
  const log = getLogger();
  const logger = (level: string, message: string) => {
    log[level === "error" || level === "fatal" ? "error" : "warn"](`llama.cpp: ${message.trim()}`);
  };
  const llama = await library
    .getLlama({ gpu, build: "never", logLevel: "error", logger })
    .catch((error: unknown) => {
      throw new Error(
        `llama.cpp cannot compute on this machine with CHAT_LLAMA_GPU=${gpu || "off"}; CHAT_LLAMA_GPU=off takes the processor`,
        { cause: error },
      );
    });
  try {
    const began = performance.now();
    const threads = computingThreads(settings.threads, llama.cpuMathCores);
    const onLoadProgress = progress(path.basename(file), began);
    const model = await llama.loadModel({ modelPath: file, onLoadProgress });
    const context = await model.createContext({
      sequences,
      contextSize: { max: Math.min(contextSize, model.trainContextSize) },
      threads,
      batching: { itemPrioritizationStrategy: orderBatch },
    });
    const batches = new Batches(context);
    log.info(
      `${path.basename(file)} is loaded, on ${llama.gpu || "the processor"}, for ${sequences} answers at once of ${context.contextSize} tokens each, with ${threads} thread${threads === 1 ? "" : "s"}, after ${seconds(began)} s`,
    );
    return { library, llama, model, context, batches, threads };
  } catch (error) {
    await llama.dispose();
    throw new Error(`${file} cannot be loaded: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

function progress(name: string, began: number): (share: number) => void {
  let said = began;
  return (share) => {
    if (share >= 1 || performance.now() - said < PROGRESS_EVERY_MS) return;
    said = performance.now();
    getLogger().info(`loading ${name}: ${Math.floor(share * 100)} %, after ${seconds(began)} s`);
  };
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

async function isFile(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ?? false;
}
