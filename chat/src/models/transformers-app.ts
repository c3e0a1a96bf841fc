import { sourceOf } from "./app-source.ts";
import { ModelApp } from "./model-app.ts";
import { transformersAnswers, transformersSettings } from "./transformers/settings.ts";
import { TransformersModel } from "./transformers.ts";

/** The dirty app of an ONNX model. Its module is imported once for each folder, which the query of its address names. */
export class TransformersApp extends ModelApp {
  static override get concurrency(): number {
    return transformersAnswers(process.env);
  }

  override _load(): Promise<TransformersModel> {
    return TransformersModel.load(
      transformersSettings(process.env, sourceOf(import.meta.url, process.env).of),
    );
  }
}
