import { sourceOf } from "./app-source.ts";
import { ModelApp } from "./model-app.ts";
import { upstreamSettings } from "./openai/settings.ts";
import { OpenAiModel } from "./openai.ts";

/** The dirty app of an upstream's model. Its module is imported once for each, which the query of its address names. */
export class OpenAiApp extends ModelApp {
  // It only waits for another server. What that one cannot take it refuses.
  static override concurrency = 256;

  override _load(): OpenAiModel {
    return new OpenAiModel(upstreamSettings(process.env, sourceOf(import.meta.url, process.env).of));
  }
}
