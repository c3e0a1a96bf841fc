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
 * all of those could have come: clients for a moment, and each worker that lives until it registers or is gone. A
 * worker that is slow or stopped keeps its streams, so meanwhile it must not be said that there is no such stream.
 */
export class EarlyQuestions {
  private questions: EarlyQuestion[] = [];
  private readonly workers: Set<number>;
  /** Whether clients of an earlier dirty arbiter, and the workers that are quick, may still come. */
  held: boolean;

  /**
   * @param held whether clients of an earlier dirty arbiter may still come, until `release()`.
   * @param workers ids of the workers that may have registered with an earlier one.
   */
  constructor(held: boolean, workers: readonly number[]) {
    this.held = held;
    this.workers = new Set(workers);
  }

  /** Whether a stream may be somewhere though it is not known. */
  get open(): boolean {
    return this.held || this.workers.size > 0;
  }

  /** How many wait. */
  get size(): number {
    return this.questions.length;
  }

  /** All clients that could come have. */
  release(): void {
    this.held = false;
  }

  /** What a worker keeps is known from now on, or it is dead. */
  heard(worker: number): void {
    this.workers.delete(worker);
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
