import { type CallOptions, type DirtyApp, type DirtyStream, dirty } from "tsunicorn";
import type { ChatApp } from "../chat-app.ts";
import type { CatalogModel } from "./catalog.ts";
import type { Message } from "./model.ts";

/** What a model is asked, by one who wants its answer as text. */
export interface TextRequest {
  readonly prompt: string;
  readonly thinking: boolean;
  /** What was said before the prompt, oldest first. */
  readonly messages: readonly Message[];
}

/** Asks a model for its answer as text. */
export type AskForText = (request: TextRequest, options: CallOptions) => DirtyStream<string>;

/** The actions of the app in Gunicorn's streaming chat example. */
interface GunicornChat extends DirtyApp {
  generate(prompt: string): AsyncIterable<string>;
  generate_with_thinking(prompt: string): AsyncIterable<string>;
}

/** How a model of the catalog is asked: by the action of our own apps, or by those of Gunicorn's example. */
export function askForText({ app, source }: CatalogModel): AskForText {
  if (source?.kind === "gunicorn") {
    const client = dirty<GunicornChat>(app);
    // Python refuses arguments that an action does not take, so nothing of the history crosses.
    return ({ prompt, thinking }, options) => {
      const call = client.with(options);
      return thinking ? call.generate_with_thinking(prompt) : call.generate(prompt);
    };
  }
  const client = dirty<ChatApp>(app);
  return ({ prompt, thinking, messages }, options) => {
    const call = client.with(options);
    // Without a history nothing of it crosses to the model.
    return messages.length === 0
      ? call.generate(prompt, thinking)
      : call.generate(prompt, thinking, messages);
  };
}
