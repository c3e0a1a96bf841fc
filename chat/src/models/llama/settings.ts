import { availableParallelism } from "node:os";
import { wholeNumber } from "../whole-number.ts";

/** Where a llama model computes. `auto` is the best that is there. */
export type Gpu = "auto" | "cuda" | "vulkan" | "metal" | false;

/** How a GGUF file is loaded. */
export interface LlamaSettings {
  /** Path of the GGUF file, absolute. */
  readonly file: string;
  readonly gpu: Gpu;
  /** Answers that are made at once in one worker. */
  readonly sequences: number;
  /** The most tokens of one conversation; less where the model or the memory has room for less. */
  readonly contextSize: number;
  /** Threads that compute; 0 for as many as {@link computingThreads} says. */
  readonly threads: number;
}

const GPUS: Readonly<Record<string, Gpu>> = {
  auto: "auto",
  cuda: "cuda",
  vulkan: "vulkan",
  metal: "metal",
  off: false,
};

/**
 * Reads the settings of llama models from environment variables; they hold for each of them.
 *
 * | variable | default | meaning |
 * |---|---|---|
 * | `CHAT_LLAMA_GPU` | `auto` | where it computes: `auto`, `cuda`, `vulkan`, `metal` or `off` |
 * | `CHAT_LLAMA_SEQUENCES` | `4` | answers that one worker makes at once, batched together |
 * | `CHAT_LLAMA_CONTEXT` | `8192` | the most tokens of one conversation |
 * | `CHAT_LLAMA_THREADS` | `0` | threads that compute; 0 for one less than there are cores |
 *
 * @param file path of the GGUF file, absolute.
 * @throws Error that names the variable and its bad value.
 */
export function llamaSettings(env: NodeJS.ProcessEnv, file: string): LlamaSettings {
  const wanted = env["CHAT_LLAMA_GPU"] || "auto";
  const gpu = Object.hasOwn(GPUS, wanted) ? GPUS[wanted] : undefined;
  if (gpu === undefined) {
    throw new Error(`CHAT_LLAMA_GPU must be ${Object.keys(GPUS).join(", ")}, not ${JSON.stringify(wanted)}`);
  }
  return {
    file,
    gpu,
    sequences: llamaSequences(env),
    contextSize: wholeNumber(env, "CHAT_LLAMA_CONTEXT", 8192, 64, 10_000_000),
    threads: wholeNumber(env, "CHAT_LLAMA_THREADS", 0, 0, 1024),
  };
}

/**
 * How many threads compute. They wait for each other after every step, and do not sleep meanwhile: where one of them has
 * no core of its own, tokens take a hundred times as long. So a core is left for the HTTP workers. Left to itself,
 * node-llama-cpp takes four threads on two cores.
 *
 * @param asked the setting; 0 for none.
 * @param mathCores cores that llama.cpp finds of use: those that share a unit are one.
 * @param cores those that this process may use.
 */
export function computingThreads(asked: number, mathCores: number, cores = availableParallelism()): number {
  return asked > 0 ? asked : Math.max(1, Math.min(mathCores, cores - 1));
}

/** Answers that one worker makes at once. @throws Error that names the variable and its bad value. */
export function llamaSequences(env: NodeJS.ProcessEnv): number {
  return wholeNumber(env, "CHAT_LLAMA_SEQUENCES", 4, 1, 256);
}
