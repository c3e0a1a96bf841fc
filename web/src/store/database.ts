import { type DBSchema, type IDBPDatabase, openDB } from "idb";

const NAME = "tsunicorn-chat";
const VERSION = 1;
/** A browser that neither opens the database nor refuses to would otherwise keep the page waiting. */
const OPEN_MS = 5000;

/** What is stored, as it is written. What is read back is `unknown`: an older page may have written it. */
export type Row = Readonly<Record<string, unknown>>;

/** The tables. `messages` and `pending` have rows that belong to a conversation. */
export type TableName = "conversations" | "messages" | "pending";

/** One table within a transaction. */
export interface Table {
  get(key: readonly string[]): Promise<unknown>;
  /** The rows of one conversation, or all. In no order. */
  all(conversationId?: string): Promise<unknown[]>;
  put(row: Row): Promise<void>;
  delete(key: readonly string[]): Promise<void>;
}

/** All tables within a transaction. */
export type Tables = Readonly<Record<TableName, Table>>;

/** Runs transactions: all that one writes is there, or nothing. Other tabs write the same tables. */
export interface Database {
  transact<T>(mode: "readonly" | "readwrite", body: (tables: Tables) => Promise<T>): Promise<T>;
}

/** The members of a row that make its key. */
export const KEYS: Readonly<Record<TableName, readonly string[]>> = {
  conversations: ["id"],
  messages: ["conversationId", "id"],
  pending: ["streamId"],
};

const TABLES: readonly TableName[] = ["conversations", "messages", "pending"];

interface Schema extends DBSchema {
  conversations: { key: string[]; value: Row; indexes: { conversationId: string } };
  messages: { key: string[]; value: Row; indexes: { conversationId: string } };
  pending: { key: string[]; value: Row; indexes: { conversationId: string } };
}

/** The browser's database. */
export class IndexedDatabase implements Database {
  #open: Promise<IDBPDatabase<Schema>> | undefined;

  async transact<T>(mode: "readonly" | "readwrite", body: (tables: Tables) => Promise<T>): Promise<T> {
    const database = await this.#database();
    const transaction = database.transaction(TABLES, mode);
    const table = (name: TableName): Table => {
      const store = transaction.objectStore(name);
      return {
        get: (key) => store.get([...key]),
        all: (id) => (id === undefined ? store.getAll() : store.index("conversationId").getAll(id)),
        put: async (row) => void (await store.put?.(row)),
        delete: async (key) => void (await store.delete?.([...key])),
      };
    };
    // Awaited below; until then its failure must not count as unhandled.
    const done = transaction.done.catch((error: unknown) => Promise.reject(error));
    done.catch(() => undefined);
    try {
      const result = await body({
        conversations: table("conversations"),
        messages: table("messages"),
        pending: table("pending"),
      });
      await done;
      return result;
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It has ended already.
      }
      throw error;
    }
  }

  /** Opens the database. @throws where the browser has none for this page */
  async #database(): Promise<IDBPDatabase<Schema>> {
    const opening = this.#open ?? this.#openIt();
    this.#open = opening;
    try {
      return await opening;
    } catch (error) {
      // The next request tries again: the disk may have been full, or another tab in the way.
      if (this.#open === opening) this.#open = undefined;
      throw error;
    }
  }

  #openIt(): Promise<IDBPDatabase<Schema>> {
    const forget = (): void => {
      this.#open = undefined;
    };
    const opening = openDB<Schema>(NAME, VERSION, {
      upgrade: (database) => {
        for (const name of TABLES) {
          const store = database.createObjectStore(name, { keyPath: [...KEYS[name]] });
          store.createIndex("conversationId", "conversationId");
        }
      },
      // A newer page in another tab wants to upgrade: this one lets go, and opens again with its next request.
      blocking: (_current, _blocked, event) => {
        forget();
        if (event.target instanceof IDBDatabase) event.target.close();
      },
      terminated: forget,
    });
    const late = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(new Error("the database did not open in time")), OPEN_MS);
      void opening.catch(() => undefined).finally(() => clearTimeout(timer));
    });
    return Promise.race([opening, late]);
  }
}

/** Rows that live as long as the page. */
export class MemoryDatabase implements Database {
  readonly #tables: Readonly<Record<TableName, Map<string, Row>>> = {
    conversations: new Map(),
    messages: new Map(),
    pending: new Map(),
  };

  transact<T>(_mode: "readonly" | "readwrite", body: (tables: Tables) => Promise<T>): Promise<T> {
    const table = (name: TableName): Table => {
      const rows = this.#tables[name];
      const keyOf = (row: Row): string => JSON.stringify(KEYS[name].map((member) => row[member]));
      return {
        get: async (key) => rows.get(JSON.stringify(key)),
        all: async (id) =>
          [...rows.values()].filter((row) => id === undefined || row["conversationId"] === id),
        put: async (row) => void rows.set(keyOf(row), structuredClone(row)),
        delete: async (key) => void rows.delete(JSON.stringify(key)),
      };
    };
    return body({
      conversations: table("conversations"),
      messages: table("messages"),
      pending: table("pending"),
    });
  }
}
