import type { ChatStore } from "../store/chat-store.ts";
import type { PendingAnswer } from "../store/pending-answers.ts";

/** How a thread names its conversation. */
export interface ThreadIdentity {
  /** Undefined until the conversation has begun. */
  readonly known: () => string | undefined;
  /** Begins it where it has not. */
  readonly begun: () => Promise<string>;
}

/** What the chat model and the history of one thread share. */
export class ThreadSession {
  readonly identity: ThreadIdentity;
  readonly store: ChatStore;
  /** An answer that an earlier page left, to be read once the history is there. */
  toResume: PendingAnswer | undefined;
  /** By the message's id: the id under which the server streams it. */
  readonly #streams = new Map<string, string>();
  /** Answers that go on without this page: the next one keeps them. */
  readonly #left = new Set<string>();
  /** By the id in this page: the id under which a message is kept, where it is another one. */
  readonly #keptAs = new Map<string, string>();
  #noting: Promise<void> = Promise.resolve();

  constructor(identity: ThreadIdentity, store: ChatStore) {
    this.identity = identity;
    this.store = store;
  }

  /** Notes that an answer can be continued from now on, for the page that comes after a reload. */
  noteStream(messageId: string, pending: Omit<PendingAnswer, "conversationId"> | string): void {
    this.#streams.set(messageId, typeof pending === "string" ? pending : pending.streamId);
    if (typeof pending === "string") return;
    this.#do(async () => {
      await this.store.pending.put({ ...pending, conversationId: await this.identity.begun() });
    });
  }

  /** Forgets an answer that was stopped. */
  forgetStream(messageId: string): void {
    const streamId = this.#streams.get(messageId);
    if (streamId !== undefined) this.#do(() => this.store.pending.delete(streamId));
  }

  /** The id under which the server streams a message, once that is noted. */
  async streamOf(messageId: string): Promise<string | undefined> {
    await this.#noting;
    return this.#streams.get(messageId);
  }

  /** Leaves an answer to the next page. */
  leave(messageId: string): void {
    this.#left.add(messageId);
  }

  /** Whether an answer was left to the next page. */
  isLeft(messageId: string): boolean {
    return this.#left.has(messageId);
  }

  /** Notes that a message is kept under another id. */
  keepAs(messageId: string, keptId: string): void {
    if (messageId !== keptId) this.#keptAs.set(messageId, keptId);
  }

  /** The id under which a message is kept. */
  keptId<Id extends string | null>(messageId: Id): Id | string {
    return messageId === null ? messageId : (this.#keptAs.get(messageId) ?? messageId);
  }

  // One after the other, so that an answer is not noted after it has ended. The storage tells of failures.
  #do(work: () => Promise<void>): void {
    this.#noting = this.#noting.then(work).catch((error: unknown) => console.warn(error));
  }
}
