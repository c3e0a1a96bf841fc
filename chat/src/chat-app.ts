import { DirtyApp } from "tsunicorn";
import type { Message, Model } from "./models/model.ts";
import { SimulatedModel, simulatedSettings } from "./models/simulated.ts";

/**
 * The chat's dirty app: it keeps the model and streams its answers. It runs in dirty workers, so it must
 * import nothing that only the HTTP side needs.
 */
export class ChatApp extends DirtyApp {
  // The simulated model only waits, so one worker can serve as many users as may be connected.
  static override concurrency = 10_000;

  // Every model can go on in mid-answer, so an answer outlives its worker.
  static override continues = ["generate"];

  #model: Model | undefined;

  /** Makes the model ready. Throws where a setting is bad, which ends the server's start with that reason. */
  override init(): void {
    this.#model = new SimulatedModel(simulatedSettings(process.env));
  }

  /**
   * Streams the answer to a prompt, token by token.
   *
   * @param prompt the user's message.
   * @param thinking whether the answer begins with a visible thinking phase.
   * @param messages what was said before the prompt, oldest first.
   */
  generate(prompt: string, thinking = false, messages: readonly Message[] = []): AsyncIterable<string> {
    if (this.#model === undefined) throw new Error("generate was called before init");
    const { signal, emitted } = this.request;
    // What was emitted is what this action yielded in another worker: strings.
    return this.#model.stream({ prompt, messages, thinking, emitted: emitted.map(String) }, signal);
  }

  override close(): void {
    this.#model = undefined;
  }
}
