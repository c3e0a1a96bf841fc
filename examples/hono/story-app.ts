import { setTimeout as pause } from "node:timers/promises";
import { DirtyApp, getLogger } from "tsunicorn";

/** What the teller takes for a word, in ms. */
const WORD_MS = 50;

/** A teller of stories: it stands for a model that makes one word after the other. */
export class StoryApp extends DirtyApp {
  static concurrency = 4; // stories that one worker tells at once

  /** A generator action: its caller gets each word as it comes. */
  async *tell(about: string) {
    const { signal } = this.request;
    const story = `Once there were ${about} who lived by the sea. Every night they counted the waves, and every morning they had forgotten how many there were. So they counted again.`;
    try {
      for (const word of story.split(/(?= )/)) {
        await pause(WORD_MS, undefined, { signal }); // ends at once when the listener leaves
        yield word;
      }
    } finally {
      if (signal.aborted) getLogger().info(`the listener left the story of ${about}`);
    }
  }

  /** Any other action gives one result. */
  title(about: string) {
    return `The Counting of the Waves, with ${about}`;
  }
}
