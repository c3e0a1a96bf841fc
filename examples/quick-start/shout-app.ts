// shout-app.ts
import { DirtyApp } from "tsunicorn";

export class ShoutApp extends DirtyApp {
  static concurrency = 8; // requests that one worker runs at once (default: 1)

  private greeting = "";

  // Once per worker, before it takes requests: load your model here.
  async init() {
    this.greeting = "HEAR, HEAR";
  }

  // A generator action streams.
  async *shout(text: string) {
    yield `${this.greeting}: `;
    for (const word of text.split(" ")) {
      if (this.request.signal.aborted) return; // the client has left
      yield `${word.toUpperCase()} `;
    }
  }

  // Any other action gives one result.
  count(text: string) {
    return text.split(" ").length;
  }
}
