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
  /** Threads that compute; 0 leaves it to llama.cpp. */
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
 * | `CHAT_LLAMA_THREADS` | `0` | threads that compute; 0 leaves it to llama.cpp |
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

/** Answers that one worker makes at once. @throws Error that names the variable and its bad value. */
export function llamaSequences(env: NodeJS.ProcessEnv): number {
  return wholeNumber(env, "CHAT_LLAMA_SEQUENCES", 4, 1, 256);
}
