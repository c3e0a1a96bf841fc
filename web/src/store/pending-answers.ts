import { getConversation } from "./conversations.ts";
import type { Storage } from "./storage.ts";

/** An answer that the server is making, and that this page, or the next one, still has to read. */
export interface PendingAnswer {
  readonly streamId: string;
  readonly conversationId: string;
  /** The question's message. */
  readonly parentId: string;
  /** ms since 1970 */
  readonly startedAt: number;
  readonly thinking: boolean;
  readonly model?: string | undefined;
}

/** The answers that are still to be read. */
export class PendingAnswers {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Those of a conversation, or all, the newest first. Two tabs may each have one. */
  async list(conversationId?: string): Promise<PendingAnswer[]> {
    const rows = await this.#storage.transact("readonly", (tables) => tables.pending.all(conversationId));
    return rows
      .map(readPending)
      .filter((one) => one !== undefined)
      .sort((a, b) => b.startedAt - a.startedAt);
  }

  /** Notes an answer. Does nothing in a conversation that was deleted. */
  async put(pending: PendingAnswer): Promise<void> {
    await this.#storage.transact("readwrite", async (tables) => {
      if ((await getConversation(tables, pending.conversationId)) === undefined) return;
      await tables.pending.put({ ...pending });
    });
  }

  /** Forgets an answer, which was stopped or is gone. */
  async delete(streamId: string): Promise<void> {
    await this.#storage.transact("readwrite", (tables) => tables.pending.delete([streamId]));
  }
}

function readPending(row: unknown): PendingAnswer | undefined {
  if (typeof row !== "object" || row === null) return undefined;
  const {
    streamId,
    conversationId,
    parentId,
    startedAt,
    thinking,
    model,
  }: Partial<Record<keyof PendingAnswer, unknown>> = row;
  if (typeof streamId !== "string" || typeof conversationId !== "string") return undefined;
  if (typeof parentId !== "string" || typeof startedAt !== "number") return undefined;
  return {
    streamId,
    conversationId,
    parentId,
    startedAt,
    thinking: thinking === true,
    ...(typeof model === "string" && { model }),
  };
}
