import type { Asker } from "./stream-entry.ts";

/** A question for a stream that is not known. */
export interface EarlyQuestion {
  readonly asker: Asker;
  readonly stream: string;
  /** Whether it is to end the stream. */
  readonly ends: boolean;
}

/**
 * Questions that came to a new dirty arbiter before the worker, or the client, that knows the stream. They wait until
 * all of those could have come.
 */
export class EarlyQuestions {
  private questions: EarlyQuestion[] = [];

  /** How many wait. */
  get size(): number {
    return this.questions.length;
  }

  add(question: EarlyQuestion): void {
    this.questions.push(question);
  }

  /** Takes those out that are meant. */
  take(isMeant: (question: EarlyQuestion) => boolean): EarlyQuestion[] {
    if (this.questions.length === 0) return [];
    const taken = this.questions.filter(isMeant);
    if (taken.length > 0) this.questions = this.questions.filter((one) => !taken.includes(one));
    return taken;
  }
}
