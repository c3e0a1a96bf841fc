import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { LlamaModel } from "../../../src/models/llama.ts";
import { type TinyModelShape, writeTinyModel } from "./tiny-model.ts";

/** Whether `npm run llama` has installed node-llama-cpp. */
export const HAS_LLAMA: boolean = existsSync(
  fileURLToPath(new URL("../../../../.cache/llama/node_modules/node-llama-cpp", import.meta.url)),
);

/** Why a test of GGUF files is skipped. */
export const NO_LLAMA = "node-llama-cpp is not installed; npm run llama does it";

/** A tiny GGUF file in a folder of its own. */
export class TinyLlama {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), "tsugguf-"));
  readonly file: string = path.join(this.folder, "tiny.gguf");

  constructor(shape: TinyModelShape = {}) {
    writeTinyModel(this.file, shape);
  }

  /** Loads it. One thread: two that wait for each other take seconds a token where the machine is busy. */
  load({ sequences = 2, contextSize = 2048 } = {}): Promise<LlamaModel> {
    return LlamaModel.load({ file: this.file, gpu: false, sequences, contextSize, threads: 1 });
  }

  /** Removes the file. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
