import { describe, expect, it, vi } from "vitest";
import { createHistory } from "../src/runtime/history.ts";
import { fromStored } from "../src/runtime/stored-message.ts";
import { createThreadList, PAGE } from "../src/runtime/thread-list.ts";
import { ThreadSession } from "../src/runtime/thread-session.ts";
import { createChatStore } from "../src/store/chat-store.ts";
import { MemoryDatabase } from "../src/store/database.ts";
import { Storage } from "../src/store/storage.ts";

describe("a conversation that begins where the browser's storage is full", () => {
  it("goes on all the same, says so, and is kept from when there is room", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const memory = new MemoryDatabase();
    let full = true;
    const storage = new Storage({
      transact: (mode, body) =>
        memory.transact(mode, (tables) => {
          const put = (name: keyof typeof tables): (typeof tables)[typeof name] => ({
            ...tables[name],
            put: (row) => (full ? Promise.reject(new Error("quota")) : tables[name].put(row)),
          });
          return body({
            conversations: put("conversations"),
            messages: put("messages"),
            pending: put("pending"),
          });
        }),
    });
    const store = createChatStore(storage);
    const list = createThreadList(store, () => undefined);
    await list.list();

    const { remoteId } = await list.initialize("local");
    const session = new ThreadSession({ known: () => remoteId, begun: async () => remoteId }, store);
    const history = createHistory(session);
    const say = (id: string, parentId: string | null, createdAt: number) => {
      const parts = [{ type: "text" as const, text: id }];
      return history.append({
        message: fromStored({ id, parentId, role: "user", createdAt, parts }),
        parentId,
      });
    };
    await say("one", null, 1);
    session.noteStream("a1", { streamId: "s", parentId: "one", startedAt: 2, thinking: false });
    await session.streamOf("a1");
    expect(storage.state).toBe("failing");

    full = false;
    await say("two", "one", 3);
    expect(storage.state).toBe("kept");
    expect((await list.list()).threads.map(({ title }) => title)).toEqual(["two"]);
    expect((await store.messages.list(remoteId)).map(({ id }) => id)).toEqual(["two"]);

    await list.delete(remoteId);
    await say("three", "two", 4);
    expect((await list.list()).threads).toEqual([]);
    warn.mockRestore();
  });
});

describe("many conversations", () => {
  it("are listed page by page, and as many again when the list is read anew", async () => {
    const store = createChatStore(new Storage(new MemoryDatabase()));
    const all = Array.from({ length: 2 * PAGE + 1 }, (_, index) => `c${index}`);
    for (const [at, id] of all.entries()) await store.conversations.create(id, 1000 - at);
    const list = createThreadList(store, () => undefined);
    const ids = ({ threads }: Awaited<ReturnType<typeof list.list>>) =>
      threads.map(({ remoteId }) => remoteId);

    const first = await list.list();
    expect(ids(first)).toEqual(all.slice(0, PAGE));
    const second = await list.list({ after: first.nextCursor });
    expect(ids(second)).toEqual(all.slice(PAGE, 2 * PAGE));
    expect(ids(await list.list())).toEqual(all.slice(0, 2 * PAGE));
    const third = await list.list({ after: second.nextCursor });
    expect(ids(third)).toEqual(all.slice(2 * PAGE));
    expect(third.nextCursor).toBeUndefined();
  });
});
