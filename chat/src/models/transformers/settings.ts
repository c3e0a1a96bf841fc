import { wholeNumber } from "../whole-number.ts";

/** How exporters write a model's numbers, by the end of the file's name, in the order in which they are preferred. */
export const DTYPES = {
  fp32: "",
  q8: "_quantized",
  int8: "_int8",
  uint8: "_uint8",
  q4: "_q4",
  fp16: "_fp16",
  q4f16: "_q4f16",
  bnb4: "_bnb4",
} as const;

/** One of the ways in which a model's numbers are written. */
export type Dtype = keyof typeof DTYPES;

/** How an ONNX model is loaded. */
export interface TransformersSettings {
  /** Path of the model's folder, absolute. */
  readonly folder: string;
  /** Which of the folder's files; `auto` is the first that is there. */
  readonly dtype: Dtype | "auto";
  /** Answers that are made at once in one worker. */
  readonly answers: number;
  /** The most tokens of one conversation; less where the model has room for less. */
  readonly contextSize: number;
  /** Threads that compute; 0 leaves it to ONNX Runtime. */
  readonly threads: number;
}

/**
 * Reads the settings of ONNX models from environment variables; they hold for each of them.
 *
 * | variable | default | meaning |
 * |---|---|---|
 * | `CHAT_TRANSFORMERS_ANSWERS` | `4` | answers that one worker makes at once, in turns |
 * | `CHAT_TRANSFORMERS_CONTEXT` | `8192` | the most tokens of one conversation |
 * | `CHAT_TRANSFORMERS_DTYPE` | `auto` | which of the folder's files: `fp32`, `q8`, `q4` … |
 * | `CHAT_TRANSFORMERS_THREADS` | `0` | threads that compute; 0 leaves it to ONNX Runtime |
 *
 * @param folder path of the model's folder, absolute.
 * @throws Error that names the variable and its bad value.
 */
export function transformersSettings(env: NodeJS.ProcessEnv, folder: string): TransformersSettings {
  const dtype = env["CHAT_TRANSFORMERS_DTYPE"] || "auto";
  if (!isDtype(dtype)) {
    throw new Error(
      `CHAT_TRANSFORMERS_DTYPE must be auto, ${Object.keys(DTYPES).join(", ")}, not ${JSON.stringify(dtype)}`,
    );
  }
  return {
    folder,
    dtype,
    answers: transformersAnswers(env),
    contextSize: wholeNumber(env, "CHAT_TRANSFORMERS_CONTEXT", 8192, 64, 10_000_000),
    threads: wholeNumber(env, "CHAT_TRANSFORMERS_THREADS", 0, 0, 1024),
  };
}

/** Answers that one worker makes at once. @throws Error that names the variable and its bad value. */
export function transformersAnswers(env: NodeJS.ProcessEnv): number {
  return wholeNumber(env, "CHAT_TRANSFORMERS_ANSWERS", 4, 1, 256);
}

function isDtype(text: string): text is Dtype | "auto" {
  return text === "auto" || Object.hasOwn(DTYPES, text);
}
