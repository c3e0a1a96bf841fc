import { type Conversation, getConversation, putConversation } from "./conversations.ts";
import type { Tables } from "./database.ts";
import type { Storage } from "./storage.ts";
import { titleOf } from "./title.ts";

/** A piece of a message: the thinking phase, or the text. */
export interface StoredPart {
  readonly type: "reasoning" | "text";
  readonly text: string;
}

/** A message of a conversation. Edits and second tries are more messages with the same parent. */
export interface StoredMessage {
  readonly id: string;
  readonly parentId: string | null;
  readonly role: "user" | "assistant";
  /** ms since 1970 */
  readonly createdAt: number;
  readonly parts: readonly StoredPart[];
  /** How an answer ended. */
  readonly ending?: "complete" | "cancelled" | "error" | undefined;
  /** What else is known of an answer; JSON. */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
  /** The id under which the server streamed the answer: two tabs that read one answer keep it once. */
  readonly streamId?: string | undefined;
}

/** The messages that the browser keeps. */
export class Messages {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** A conversation's messages, each after its parent, and siblings in the order in which they were made. */
  async list(conversationId: string): Promise<StoredMessage[]> {
    const rows = await this.#storage.transact("readonly", (tables) => tables.messages.all(conversationId));
    return inOrder(rows.map(readMessage).filter((one) => one !== undefined));
  }

  /**
   * Keeps a message. An answer is then no longer pending. Does nothing in a conversation that was deleted. Which
   * branch is shown changes only where the message continues it, or is a new question.
   * @returns the id under which it is kept: another one where another tab has kept the same answer before
   */
  async add(conversationId: string, message: StoredMessage): Promise<string> {
    const id = await this.#storage.transact("readwrite", async (tables) => {
      const conversation = await getConversation(tables, conversationId);
      if (conversation === undefined) return message.id;
      if (message.streamId !== undefined) {
        await tables.pending.delete([message.streamId]);
        const kept = await sameAnswer(tables, conversationId, message);
        if (kept !== undefined) return kept;
      }
      await tables.messages.put({ ...message, conversationId });
      const title = conversation.title ?? (message.role === "user" ? titleOf(textOf(message)) : undefined);
      const lastMessageAt = Math.max(conversation.lastMessageAt, message.createdAt);
      await putConversation(tables, {
        ...conversation,
        ...(isShown(conversation, message) && { headId: message.id }),
        lastMessageAt,
        ...(title && { title }),
      });
      return message.id;
    });
    this.#storage.announce({ type: "conversations", conversationId });
    return id;
  }
}

/**
 * Whether a new message is the end of the branch that is shown: a question is asked in it, but an answer may end in
 * one that was left meanwhile.
 */
function isShown({ headId }: Conversation, { role, parentId }: StoredMessage): boolean {
  return role === "user" || headId === undefined || headId === parentId;
}

/** The text of a message, without its thinking phase. */
export function textOf({ parts }: Pick<StoredMessage, "parts">): string {
  return parts
    .filter(({ type }) => type === "text")
    .map(({ text }) => text)
    .join("");
}

/** The last message of the branch through `id`: where it goes on, its newest branch. */
export function leafOf(messages: readonly StoredMessage[], id: string): string {
  let leaf = id;
  for (;;) {
    const next = messages.findLast(({ parentId }) => parentId === leaf);
    if (next === undefined) return leaf;
    leaf = next.id;
  }
}

/** The messages from the first to `headId`. */
export function branchOf(messages: readonly StoredMessage[], headId: string): StoredMessage[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const branch: StoredMessage[] = [];
  let message = byId.get(headId);
  while (message !== undefined) {
    branch.unshift(message);
    message = message.parentId === null ? undefined : byId.get(message.parentId);
  }
  return branch;
}

async function sameAnswer(
  tables: Tables,
  conversationId: string,
  message: StoredMessage,
): Promise<string | undefined> {
  const rows = (await tables.messages.all(conversationId)).map(readMessage);
  const kept = rows.find((row) => row?.streamId === message.streamId && row?.id !== message.id);
  if (kept === undefined) return undefined;
  // One tab may have lost the answer that another one got whole.
  if (kept.ending !== "complete" && message.ending === "complete") {
    await tables.messages.put({ ...message, id: kept.id, parentId: kept.parentId, conversationId });
  }
  return kept.id;
}

/** Parents first. A message whose parent is not there begins the conversation: better than losing it. */
export function inOrder(messages: readonly StoredMessage[]): StoredMessage[] {
  const known = new Map(messages.map((message) => [message.id, message]));
  const children = new Map<string | null, StoredMessage[]>();
  for (const message of [...known.values()].sort((a, b) => a.createdAt - b.createdAt)) {
    const parentId = message.parentId !== null && known.has(message.parentId) ? message.parentId : null;
    const siblings = children.get(parentId) ?? [];
    siblings.push(parentId === message.parentId ? message : { ...message, parentId });
    children.set(parentId, siblings);
  }
  const ordered: StoredMessage[] = [];
  const next = [...(children.get(null) ?? [])].reverse();
  for (let message = next.pop(); message !== undefined; message = next.pop()) {
    ordered.push(message);
    next.push(...(children.get(message.id) ?? []).reverse());
  }
  return ordered;
}

function readMessage(row: unknown): StoredMessage | undefined {
  if (typeof row !== "object" || row === null) return undefined;
  const {
    id,
    parentId,
    role,
    createdAt,
    parts,
    ending,
    facts,
    streamId,
  }: Partial<Record<keyof StoredMessage, unknown>> = row;
  if (typeof id !== "string" || (parentId !== null && typeof parentId !== "string")) return undefined;
  if ((role !== "user" && role !== "assistant") || typeof createdAt !== "number") return undefined;
  if (!Array.isArray(parts)) return undefined;
  return {
    id,
    parentId,
    role,
    createdAt,
    parts: parts.map(readPart).filter((part) => part !== undefined),
    ...((ending === "complete" || ending === "cancelled" || ending === "error") && { ending }),
    ...(typeof facts === "object" && facts !== null && { facts: { ...facts } }),
    ...(typeof streamId === "string" && { streamId }),
  };
}

function readPart(part: unknown): StoredPart | undefined {
  if (typeof part !== "object" || part === null) return undefined;
  const { type, text }: { type?: unknown; text?: unknown } = part;
  if ((type !== "text" && type !== "reasoning") || typeof text !== "string") return undefined;
  return { type, text };
}
