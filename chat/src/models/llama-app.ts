import { sourceOf } from "./app-source.ts";
import { llamaSequences, llamaSettings } from "./llama/settings.ts";
import { LlamaModel } from "./llama.ts";
import { ModelApp } from "./model-app.ts";

/** The dirty app of a GGUF file. Its module is imported once for each file, which the query of its address names. */
export class LlamaApp extends ModelApp {
  static override get concurrency(): number {
    return llamaSequences(process.env);
  }

  override _load(): Promise<LlamaModel> {
    return LlamaModel.load(llamaSettings(process.env, sourceOf(import.meta.url, process.env).of));
  }
}
