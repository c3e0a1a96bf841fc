import { describe, expect, it, vi } from "vitest";
import { exportConversation } from "../src/runtime/export-conversation.ts";
import { createChatStore } from "../src/store/chat-store.ts";
import { type Database, MemoryDatabase } from "../src/store/database.ts";
import { exportMarkdown } from "../src/store/export-markdown.ts";
import { inOrder, leafOf, type StoredMessage } from "../src/store/messages.ts";
import { Storage } from "../src/store/storage.ts";
import { titleOf } from "../src/store/title.ts";

const message = (
  id: string,
  parentId: string | null,
  createdAt: number,
  rest: Partial<StoredMessage> = {},
): StoredMessage => ({
  id,
  parentId,
  createdAt,
  role: id.startsWith("q") ? "user" : "assistant",
  parts: [{ type: "text", text: `text of ${id}` }],
  ...(!id.startsWith("q") && { ending: "complete" as const }),
  ...rest,
});

async function storeWith(...messages: StoredMessage[]) {
  const store = createChatStore(new Storage(new MemoryDatabase()));
  await store.conversations.create("c", 1);
  for (const one of messages) await store.messages.add("c", one);
  return store;
}

describe("a conversation that is kept", () => {
  it("has the beginning of its first question as its title, and comes first after a new message", async () => {
    const store = await storeWith(message("q1", null, 10));
    await store.conversations.create("newer", 20);
    expect((await store.conversations.list()).map(({ id, title }) => [id, title])).toEqual([
      ["newer", undefined],
      ["c", "text of q1"],
    ]);
    await store.conversations.change("c", { title: "Mine" });
    await store.messages.add("c", message("q2", "q1", 30));
    expect((await store.conversations.list()).map(({ id, title }) => [id, title])).toEqual([
      ["c", "Mine"],
      ["newer", undefined],
    ]);
  });

  it("gives its messages back as they were", async () => {
    const facts = { tokens: 3, failure: { kind: "broken", message: "x" } };
    const answer = message("a1", "q1", 11, { ending: "error", facts, streamId: "str_1" });
    const store = await storeWith(message("q1", null, 10), answer);
    expect(await store.messages.list("c")).toEqual([message("q1", null, 10), answer]);
  });

  it("shows the branch that was turned to, also when an answer in another one ends", async () => {
    const store = await storeWith(message("q1", null, 10), message("a1", "q1", 11));
    const shown = async () => (await store.conversations.get("c"))?.headId;
    expect(await shown()).toBe("a1");
    await store.messages.add("c", message("a2", "q1", 12));
    expect(await shown()).toBe("a1");
    await store.messages.add("c", message("q2", null, 13));
    await store.messages.add("c", message("a3", "q2", 14));
    expect(await shown()).toBe("a3");
  });

  it("goes with all that belongs to it, and nothing that comes later brings it back", async () => {
    const store = await storeWith(message("q1", null, 10));
    const pending = { streamId: "s", conversationId: "c", parentId: "q1", startedAt: 1, thinking: false };
    await store.pending.put(pending);
    await store.conversations.delete("c");
    await store.messages.add("c", message("a1", "q1", 11));
    await store.pending.put(pending);
    expect(await store.conversations.list()).toEqual([]);
    expect(await store.messages.list("c")).toEqual([]);
    expect(await store.pending.list("c")).toEqual([]);
  });

  it("reads over rows that make no sense", async () => {
    const database = new MemoryDatabase();
    const store = createChatStore(new Storage(database));
    await database.transact("readwrite", async (tables) => {
      await tables.conversations.put({ id: "x", title: 3 });
      await tables.messages.put({ conversationId: "x", id: "m", role: "robot", parts: "?" });
      await tables.pending.put({ streamId: "s", conversationId: "x" });
    });
    expect(await store.conversations.list()).toEqual([]);
    expect(await store.messages.list("x")).toEqual([]);
    expect(await store.pending.list("x")).toEqual([]);
  });
});

describe("an answer that two tabs read", () => {
  it("is kept once, and is no longer pending", async () => {
    const store = await storeWith(message("q1", null, 10));
    const pending = { streamId: "s", conversationId: "c", parentId: "q1", startedAt: 1, thinking: true };
    await store.pending.put(pending);
    expect(await store.pending.list("c")).toEqual([pending]);
    expect(await store.messages.add("c", message("a", "q1", 11, { streamId: "s" }))).toBe("a");
    expect(await store.messages.add("c", message("b", "q1", 12, { streamId: "s" }))).toBe("a");
    expect((await store.messages.list("c")).map(({ id }) => id)).toEqual(["q1", "a"]);
    expect(await store.pending.list("c")).toEqual([]);
  });

  it("is kept whole where one of them lost it", async () => {
    const store = await storeWith(message("q1", null, 10));
    await store.messages.add("c", message("a", "q1", 11, { streamId: "s", ending: "error", parts: [] }));
    await store.messages.add("c", message("b", "q1", 12, { streamId: "s" }));
    expect((await store.messages.list("c")).at(-1)).toMatchObject({
      id: "a",
      ending: "complete",
      parts: [{ type: "text", text: "text of b" }],
    });
  });
});

describe("the order of messages", () => {
  it("has parents first and siblings as they were made, however they were written", () => {
    const written = [
      message("a2", "q1", 30),
      message("q3", "a2", 40),
      message("a1", "q1", 20),
      message("q2", "a1", 25),
      message("q1", null, 10),
    ];
    expect(inOrder(written).map(({ id }) => id)).toEqual(["q1", "a1", "q2", "a2", "q3"]);
    expect(leafOf(inOrder(written), "q1")).toBe("q3");
    expect(leafOf(inOrder(written), "a1")).toBe("q2");
  });

  it("loses no message whose parent is not there", () => {
    expect(inOrder([message("q2", "gone", 20), message("a2", "q2", 21)])).toMatchObject([
      { id: "q2", parentId: null },
      { id: "a2", parentId: "q2" },
    ]);
  });
});

describe("a browser that keeps nothing", () => {
  const broken: Database = { transact: () => Promise.reject(new Error("forbidden")) };

  it("leaves a page that works in memory and says so", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const storage = new Storage(broken);
    const said: string[] = [];
    storage.subscribe(() => said.push(storage.state));
    const store = createChatStore(storage);
    await store.conversations.create("c");
    expect(await store.conversations.list()).toHaveLength(1);
    expect(said).toEqual(["memory"]);
    warn.mockRestore();
  });

  it("says when a change could not be written, and when the next one could", async () => {
    const memory = new MemoryDatabase();
    let full = false;
    const storage = new Storage({
      transact: (mode, body) =>
        full && mode === "readwrite" ? Promise.reject(new Error("quota")) : memory.transact(mode, body),
    });
    const store = createChatStore(storage);
    await store.conversations.create("c");
    full = true;
    await expect(store.conversations.create("d")).rejects.toThrow("quota");
    expect(storage.state).toBe("failing");
    full = false;
    await store.conversations.create("d");
    expect(storage.state).toBe("kept");
  });
});

describe("a title", () => {
  it.each([
    ["hello", "hello"],
    ["  two\nlines  ", "two lines"],
    [
      "this is a rather long question that has to be cut, somewhere",
      "this is a rather long question that has to be cut…",
    ],
    ["x".repeat(80), `${"x".repeat(50)}…`],
    [`${"x".repeat(49)}🦄🦄`, `${"x".repeat(49)}…`],
  ])("of %j is %j", (question, title) => {
    expect(titleOf(question)).toBe(title);
  });
});

describe("a conversation as Markdown", () => {
  it("has its title and each turn, without thoughts", () => {
    const thought: StoredMessage["parts"] = [
      { type: "reasoning", text: "thinking..." },
      { type: "text", text: "```js\n1\n```" },
    ];
    const branch = [
      message("q1", null, 1),
      message("a1", "q1", 2, { parts: thought }),
      message("q2", "a1", 3),
      message("a2", "q2", 4, { ending: "cancelled", parts: [{ type: "text", text: "Half" }] }),
    ];
    expect(exportMarkdown("A\ntitle", branch)).toBe(
      "# A title\n\n## You\n\ntext of q1\n\n## Answer\n\n```js\n1\n```\n\n## You\n\ntext of q2\n\n## Answer\n\nHalf\n\n*(stopped)*\n",
    );
  });

  it("is the branch that is shown, in a file that any system can name", async () => {
    const store = await storeWith(message("q1", null, 1), message("a1", "q1", 2), message("a2", "q1", 3));
    await store.conversations.change("c", { title: 'What: "a/b"?', headId: "a1" });
    const file = await exportConversation("c", store);
    expect(file?.fileName).toBe("What-ab.md");
    expect(file?.markdown).toContain("text of a1");
    expect(file?.markdown).not.toContain("text of a2");
    expect(await exportConversation("none", store)).toBeUndefined();
  });
});
