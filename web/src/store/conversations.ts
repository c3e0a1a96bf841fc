import type { Tables } from "./database.ts";
import type { Storage } from "./storage.ts";

/** A conversation without its messages. */
export interface Conversation {
  readonly id: string;
  readonly title?: string | undefined;
  readonly archived?: boolean | undefined;
  /** ms since 1970 */
  readonly createdAt: number;
  readonly lastMessageAt: number;
  /** The last message of the branch that is shown. */
  readonly headId?: string | undefined;
}

/** The conversations that the browser keeps. */
export class Conversations {
  readonly #storage: Storage;
  /** Begun where the browser's storage was full: to be written with their first message that finds room. */
  readonly #unwritten = new Set<string>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** All of them, the one with the newest message first. */
  async list(): Promise<Conversation[]> {
    const rows = await this.#storage.transact("readonly", (tables) => tables.conversations.all());
    return rows
      .map(readConversation)
      .filter((one) => one !== undefined)
      .sort((a, b) => b.lastMessageAt - a.lastMessageAt);
  }

  /** One of them; undefined where it is missing, for instance because another tab deleted it. */
  async get(id: string): Promise<Conversation | undefined> {
    return this.#storage.transact("readonly", (tables) => getConversation(tables, id));
  }

  /** Begins a conversation. */
  async create(id: string, now = Date.now()): Promise<void> {
    await this.#storage.transact("readwrite", (tables) =>
      putConversation(tables, { id, createdAt: now, lastMessageAt: now }),
    );
    this.#storage.announce({ type: "conversations", conversationId: id });
  }

  /** Begins a conversation, also where it cannot be written now: what is said in it is shown all the same. */
  async begin(id: string): Promise<void> {
    await this.create(id).catch((error: unknown) => {
      console.warn("A conversation could not be kept.", error);
      this.#unwritten.add(id);
    });
  }

  /** Writes a conversation that could not be written when it began. Brings back none that was deleted. */
  async writeBegun(id: string): Promise<void> {
    if (!this.#unwritten.has(id)) return;
    await this.create(id);
    this.#unwritten.delete(id);
  }

  /** Changes what is known of a conversation. Does nothing where it is missing. */
  async change(
    id: string,
    change: Partial<Pick<Conversation, "title" | "archived" | "headId">>,
  ): Promise<void> {
    await this.#storage.transact("readwrite", async (tables) => {
      const before = await getConversation(tables, id);
      if (before !== undefined) await putConversation(tables, { ...before, ...change });
    });
    // Which branch is shown concerns this tab alone.
    if (!("headId" in change)) this.#storage.announce({ type: "conversations", conversationId: id });
  }

  /** Deletes a conversation with its messages and what is still to come. */
  async delete(id: string): Promise<void> {
    this.#unwritten.delete(id);
    const wasThere = await this.#storage.transact("readwrite", async (tables) => {
      const conversation = await getConversation(tables, id);
      for (const row of await tables.messages.all(id)) await deleteRow(tables, "messages", row);
      for (const row of await tables.pending.all(id)) await deleteRow(tables, "pending", row);
      await tables.conversations.delete([id]);
      return conversation !== undefined;
    });
    // Other tabs delete what they show of it, too; that must not come back here as news.
    if (wasThere) this.#storage.announce({ type: "deleted", conversationId: id });
  }
}

/** Reads a conversation within a transaction. */
export async function getConversation(tables: Tables, id: string): Promise<Conversation | undefined> {
  return readConversation(await tables.conversations.get([id]));
}

/** Writes a conversation within a transaction. */
export async function putConversation(tables: Tables, conversation: Conversation): Promise<void> {
  await tables.conversations.put({ ...conversation });
}

function readConversation(row: unknown): Conversation | undefined {
  if (typeof row !== "object" || row === null) return undefined;
  const {
    id,
    title,
    archived,
    createdAt,
    lastMessageAt,
    headId,
  }: Partial<Record<keyof Conversation, unknown>> = row;
  if (typeof id !== "string" || typeof createdAt !== "number" || typeof lastMessageAt !== "number") return;
  return {
    id,
    createdAt,
    lastMessageAt,
    ...(typeof title === "string" && { title }),
    ...(archived === true && { archived }),
    ...(typeof headId === "string" && { headId }),
  };
}

async function deleteRow(tables: Tables, table: "messages" | "pending", row: unknown): Promise<void> {
  if (typeof row !== "object" || row === null) return;
  const { conversationId, id, streamId }: { conversationId?: unknown; id?: unknown; streamId?: unknown } =
    row;
  const key = table === "messages" ? [conversationId, id] : [streamId];
  if (key.every((part) => typeof part === "string")) await tables[table].delete(key);
}
