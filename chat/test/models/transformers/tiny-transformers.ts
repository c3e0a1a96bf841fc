import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { TransformersSettings } from "../../../src/models/transformers/settings.ts";
import { TransformersModel } from "../../../src/models/transformers.ts";
import { type TinyShape, writeTinyOnnx } from "./tiny-model.ts";

/** Whether `npm run transformers` has installed @huggingface/transformers. */
export const HAS_TRANSFORMERS: boolean = existsSync(
  fileURLToPath(
    new URL("../../../../.cache/transformers/node_modules/@huggingface/transformers", import.meta.url),
  ),
);

/** Why a test of ONNX models is skipped. */
export const NO_TRANSFORMERS = "@huggingface/transformers is not installed; npm run transformers does it";

/** A tiny ONNX model in a folder of its own. */
export class TinyTransformers {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), "tsuonnx-"));

  constructor(shape: TinyShape = {}) {
    writeTinyOnnx(this.folder, shape);
  }

  /** How it is loaded. One thread: several that wait for each other take long where the machine is busy. */
  settings(contextSize = 2048): TransformersSettings {
    return { folder: this.folder, dtype: "auto", answers: 4, contextSize, threads: 1 };
  }

  load(contextSize?: number): Promise<TransformersModel> {
    return TransformersModel.load(this.settings(contextSize));
  }

  /** Removes the folder. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
