import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";
import { BEGINNING, LONG, SHOWCASE } from "../texts.ts";

const WORD_MS = 4;
/** Slow enough for a test to do something in the middle. */
const LONG_WORD_MS = 6;
/** And to load the page anew meanwhile. */
const SLOW_WORD_MS = 16;

/**
 * A model that does what its prompt tells it, by the first word: `show` and `long` recite texts, `hold` begins and
 * then waits until it is stopped, `fail` begins and then throws. To any other prompt it says what it was asked, and
 * how often it was asked anything. It takes its time where the prompt ends with "slowly". It logs each run that was cut
 * short.
 */
export class ToldApp extends DirtyApp {
  static override concurrency = 100;
  static override continues = ["generate"];

  #asked = 0;

  async *generate(prompt: string): AsyncGenerator<string, void, undefined> {
    const { signal, emitted } = this.request;
    let whole = false;
    try {
      const command = /^\w+/.exec(prompt)?.[0].toLowerCase() ?? "";
      const left = this.#textFor(command, prompt).slice(emitted.join("").length);
      const pause = prompt.endsWith("slowly") ? SLOW_WORD_MS : command === "long" ? LONG_WORD_MS : WORD_MS;
      for (const word of left.match(/\s*\S+|\s+$/g) ?? []) {
        yield word;
        await sleep(pause, undefined, { signal });
      }
      if (command === "hold") await once(signal, "abort");
      if (command === "fail") throw new Error("the model was told to fail");
      whole = command !== "hold";
    } finally {
      if (!whole) console.log(`cut short: ${prompt}`);
    }
  }

  #textFor(command: string, prompt: string): string {
    this.#asked++;
    if (command === "show") return SHOWCASE;
    if (command === "long") return LONG;
    if (command === "hold" || command === "fail") return BEGINNING;
    return `You said “${prompt}”, and it was question ${this.#asked} to me.`;
  }
}

/** The same with one place, so that others wait in its queue. */
export class LonelyApp extends ToldApp {
  static override concurrency = 1;
}
