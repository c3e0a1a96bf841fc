import type { Message } from "./models/model.ts";
import { ModelApp } from "./models/model-app.ts";
import { SimulatedModel, simulatedSettings } from "./models/simulated.ts";

/** The dirty app of the chat's simulated model. */
export class ChatApp extends ModelApp {
  // The simulated model only waits, so one worker can serve as many users as may be connected.
  static override concurrency = 10_000;

  #simulated: SimulatedModel | undefined;

  override _load(): SimulatedModel {
    this.#simulated = new SimulatedModel(simulatedSettings(process.env));
    return this.#simulated;
  }

  // The model's own text, with nothing between it and the wire: the server's speed is measured with it.
  override generate(
    prompt: string,
    thinking = false,
    messages: readonly Message[] = [],
  ): AsyncIterable<string> {
    if (this.#simulated === undefined) throw new Error("generate was called before init");
    const { signal, emitted } = this.request;
    // What was emitted is what this action yielded in another worker: strings.
    return this.#simulated.text({ prompt, messages, thinking, emitted: emitted.map(String) }, signal);
  }
}
