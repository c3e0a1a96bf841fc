import { type Database, IndexedDatabase, MemoryDatabase, type Table, type Tables } from "./database.ts";

/**
 * Where the conversations are. `kept`: in the browser. `memory`: the browser keeps nothing for this page, so they
 * are lost when it is closed. `failing`: they are kept, but the last change could not be written.
 */
export type StorageState = "kept" | "memory" | "failing";

/** What another tab, or this page, has changed. */
export interface StorageChange {
  readonly type: "conversations" | "deleted";
  readonly conversationId: string;
}

const CHANNEL = "tsunicorn-chat";

/** The database with its one fallback: memory, where the browser's cannot be opened. */
export class Storage implements Database {
  #database: Database;
  #state: StorageState = "kept";
  #proven = false;
  readonly #stateListeners = new Set<() => void>();
  readonly #changeListeners = new Set<(change: StorageChange) => void>();
  readonly #channel: BroadcastChannel | undefined;

  constructor(database: Database = defaultDatabase(), channel?: BroadcastChannel) {
    this.#database = database;
    if (database instanceof MemoryDatabase) this.#state = "memory";
    this.#channel = channel;
    this.#channel?.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      const change = readChange(data);
      if (change !== undefined) this.#tell(change);
    });
  }

  /** For the page to say where the conversations are. */
  get state(): StorageState {
    return this.#state;
  }

  /** Calls back when the state changes. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  };

  /** Calls back when a conversation was changed, here or in another tab. */
  readonly onChange = (listener: (change: StorageChange) => void): (() => void) => {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  };

  /** Says that a conversation was changed, to this page and the other tabs. */
  announce(change: StorageChange): void {
    this.#tell(change);
    this.#channel?.postMessage(change);
  }

  async transact<T>(mode: "readonly" | "readwrite", body: (tables: Tables) => Promise<T>): Promise<T> {
    let wrote = false;
    const noting = (table: Table): Table => ({
      ...table,
      put: (row) => {
        wrote = true;
        return table.put(row);
      },
    });
    try {
      const result = await this.#database.transact(mode, ({ conversations, messages, pending }) =>
        body({
          conversations: noting(conversations),
          messages: noting(messages),
          pending: noting(pending),
        }),
      );
      this.#proven = true;
      // A full store still takes a transaction that adds nothing.
      if (wrote && this.#state === "failing") this.#setState("kept");
      return result;
    } catch (error) {
      if (this.#database instanceof MemoryDatabase) throw error;
      if (this.#proven) {
        if (mode === "readwrite") this.#setState("failing");
        throw error;
      }
      // It never worked: a private window, or a browser that forbids it.
      console.warn("The browser keeps nothing for this page, so conversations end with it.", error);
      this.#database = new MemoryDatabase();
      this.#setState("memory");
      return this.#database.transact(mode, body);
    }
  }

  #tell(change: StorageChange): void {
    for (const listener of [...this.#changeListeners]) listener(change);
  }

  #setState(state: StorageState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of [...this.#stateListeners]) listener();
  }
}

function defaultDatabase(): Database {
  return typeof indexedDB === "undefined" ? new MemoryDatabase() : new IndexedDatabase();
}

function readChange(data: unknown): StorageChange | undefined {
  if (typeof data !== "object" || data === null || !("type" in data) || !("conversationId" in data)) return;
  const { type, conversationId } = data;
  if (typeof conversationId !== "string" || (type !== "conversations" && type !== "deleted")) return;
  return { type, conversationId };
}

/** The page's storage. Its channel lives as long as the page. */
export const storage = new Storage(
  undefined,
  typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(CHANNEL),
);
