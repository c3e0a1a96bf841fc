import { sourceOf } from "./app-source.ts";
import type { Model } from "./model.ts";
import { ModelApp } from "./model-app.ts";
import { Embedder } from "./transformers/embedder.ts";
import { readModelFolder } from "./transformers/model-folder.ts";
import { transformersAnswers, transformersSettings } from "./transformers/settings.ts";
import { TransformersModel } from "./transformers.ts";

/** The dirty app of an ONNX model. Its module is imported once for each folder, which the query of its address names. */
export class TransformersApp extends ModelApp {
  static override get concurrency(): number {
    return transformersAnswers(process.env);
  }

  override async _load(): Promise<Model> {
    const settings = transformersSettings(process.env, sourceOf(import.meta.url, process.env).of);
    const { embeds } = await readModelFolder(settings);
    return embeds ? Embedder.load(settings) : TransformersModel.load(settings);
  }
}
