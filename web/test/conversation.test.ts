import type { ChatModelAdapter, ThreadMessage } from "@assistant-ui/react";
import { beforeEach, describe, expect, it } from "vitest";
import { setPreferences } from "../src/preferences.ts";
import { createChatModel, resumeAnswer } from "../src/runtime/chat-model.ts";
import { createHistory } from "../src/runtime/history.ts";
import { readLeftAnswers } from "../src/runtime/left-answers.ts";
import { plainText } from "../src/runtime/question.ts";
import { fromStored } from "../src/runtime/stored-message.ts";
import { ThreadSession } from "../src/runtime/thread-session.ts";
import { LEAVE } from "../src/server/chat-stream.ts";
import { type ChatStore, createChatStore } from "../src/store/chat-store.ts";
import { MemoryDatabase } from "../src/store/database.ts";
import { Storage } from "../src/store/storage.ts";
import { DONE, events, FakeServer, gone, noNetwork, tokens } from "./support/fake-server.ts";

type Run = ReturnType<typeof createChatModel>["run"];
type Options = Parameters<Run>[0];
type Result = Awaited<ReturnType<ReturnType<Run>["next"]>>["value"];

const question = fromStored({
  id: "q1",
  parentId: null,
  role: "user",
  createdAt: 10,
  parts: [{ type: "text", text: "hello" }],
});

let store: ChatStore;

beforeEach(async () => {
  store = createChatStore(new Storage(new MemoryDatabase()));
  await store.conversations.create("c");
});

/** A page that shows the conversation. Two of them are two tabs, or one before and after a reload. */
function openPage() {
  const session = new ThreadSession({ known: () => "c", begun: async () => "c" }, store);
  return { session, history: createHistory(session) };
}

function options(messageId: string, signal = new AbortController().signal): Options {
  return {
    messages: [question],
    runConfig: {},
    abortSignal: signal,
    context: {},
    unstable_assistantMessageId: messageId,
    unstable_parentId: "q1",
    unstable_getMessage: () => question,
  };
}

/** Runs to the end, as assistant-ui does. `onResult` sees each result. */
async function run(
  results: Extract<ReturnType<ChatModelAdapter["run"]>, AsyncGenerator>,
  onResult: (result: Result) => void = () => undefined,
): Promise<Result> {
  let last: Result | undefined;
  for await (const result of results) {
    last = result;
    onResult(result);
  }
  return last;
}

/** The message that assistant-ui makes of the last result. */
function answerOf(id: string, result: Result): ThreadMessage {
  const base = fromStored({ id, parentId: "q1", role: "assistant", createdAt: 20, parts: [] });
  if (base.role !== "assistant") throw new Error("not an answer");
  return {
    ...base,
    content: result?.content ?? [],
    status: result?.status ?? { type: "incomplete", reason: "cancelled" },
    metadata: { ...base.metadata, custom: { ...result?.metadata?.custom } },
  };
}

describe("an answer", () => {
  it("is asked for, kept with its facts, and then no longer pending", async () => {
    const { session, history } = openPage();
    await history.append({ message: question, parentId: null });
    const server = new FakeServer(() => events(tokens(1, "Hi", "!") + DONE));
    const last = await run(createChatModel(session, server).run(options("a1")));
    expect(await session.streamOf("a1")).toBe("str_1");
    expect(await store.pending.list("c")).toMatchObject([{ streamId: "str_1", parentId: "q1" }]);

    await history.append({ message: answerOf("a1", last), parentId: "q1" });
    expect(await store.pending.list("c")).toEqual([]);
    const { messages, headId } = await openPage().history.load();
    expect(headId).toBe("a1");
    expect(messages.map(({ message }) => plainText(message))).toEqual(["hello", "Hi!"]);
    expect(messages[1]?.message.metadata.custom).toMatchObject({ tokens: 2 });
  });

  it("fails as a fact, and never throws", async () => {
    const { session } = openPage();
    const server = new FakeServer(noNetwork);
    expect(await run(createChatModel(session, server).run(options("a1")))).toMatchObject({
      status: { type: "incomplete", reason: "error" },
      metadata: { custom: { failure: { kind: "gone" } } },
    });
    server.watch.reportThere();
  });

  it("names another model where the server does not have the chosen one any more", async () => {
    setPreferences({ model: "old" });
    const body = { detail: [{ loc: ["body", "model"], msg: "Input should be 'new'" }] };
    const server = new FakeServer(
      () => Response.json(body, { status: 422 }),
      () => Response.json({ data: [{ id: "new" }] }),
      () => events(tokens(1, "Hi") + DONE),
    );
    const { session } = openPage();
    expect(await run(createChatModel(session, server).run(options("a1")))).toMatchObject({
      metadata: { custom: { failure: { kind: "model" } } },
    });
    await run(createChatModel(session, server).run(options("a2")));
    expect(server.lines).toEqual(["POST chat", "GET v1/models", "POST chat"]);
    expect(server.asked[0]?.body).toMatchObject({ model: "old" });
    expect(server.asked[2]?.body).not.toHaveProperty("model");
    setPreferences({ model: undefined });
  });

  it("is forgotten and ended on the server when it is stopped", async () => {
    const { session } = openPage();
    await store.messages.add("c", { id: "q1", parentId: null, role: "user", createdAt: 10, parts: [] });
    const server = new FakeServer(() => events(tokens(1, "Hi"), { end: "open" }));
    const controller = new AbortController();
    await run(createChatModel(session, server).run(options("a1", controller.signal)), () =>
      controller.abort(),
    );
    await session.streamOf("a1");
    expect(await store.pending.list("c")).toEqual([]);
    expect(server.lines).toEqual(["POST chat", "DELETE chat/streams/str_1"]);
  });

  it("goes on for the next page when this one leaves", async () => {
    const { session, history } = openPage();
    await history.append({ message: question, parentId: null });
    const server = new FakeServer(() => events(tokens(1, "Hi"), { end: "open" }));
    const controller = new AbortController();
    const left = Object.assign(new Error("left"), { detach: true });
    const last = await run(createChatModel(session, server).run(options("a1", controller.signal)), () =>
      controller.abort(left),
    );
    await history.append({ message: answerOf("a1", last), parentId: "q1" });
    expect(server.lines).toEqual(["POST chat"]);

    const next = openPage();
    expect((await next.history.load()).messages).toHaveLength(1);
    expect(next.session.toResume).toMatchObject({ streamId: "str_1", parentId: "q1" });
  });
});

describe("a page that is loaded again", () => {
  it("ends an answer that was still coming, whole and once, in two tabs too", async () => {
    const pending = { streamId: "str_1", conversationId: "c", parentId: "q1", startedAt: 1, thinking: false };
    await openPage().history.append({ message: question, parentId: null });
    await store.pending.put(pending);
    const tabs = [openPage(), openPage()];
    for (const [at, { session, history }] of tabs.entries()) {
      await history.load();
      if (at === 0) expect(session.toResume).toEqual(pending);
      const server = new FakeServer(() => events(tokens(1, "Hi", "!") + DONE));
      const last = await run(resumeAnswer(session, pending, server)(options(`a${at}`)));
      await history.append({ message: answerOf(`a${at}`, last), parentId: "q1" });
      expect(server.lines).toEqual(["GET chat/streams/str_1 0"]);
    }
    // What is said in the second tab follows the one answer that is kept.
    const next = fromStored({ id: "q2", parentId: "a1", role: "user", createdAt: 30, parts: [] });
    await tabs[1]?.history.append({ message: next, parentId: "a1" });
    const { messages } = await openPage().history.load();
    expect(messages.map(({ message, parentId }) => [message.id, parentId])).toEqual([
      ["q1", null],
      ["a0", "q1"],
      ["q2", "a0"],
      // A question without an answer is shown with a failure, to ask it again.
      ["lost-q2", "q2"],
    ]);
  });

  it("shows a broken answer, to ask again, where nothing is left of it", async () => {
    await openPage().history.append({ message: question, parentId: null });
    const { history } = openPage();
    const { messages, headId } = await history.load();
    expect(headId).toBe("lost-q1");
    expect(messages.at(-1)?.message.metadata.custom).toMatchObject({ failure: { kind: "broken" } });
    // What is said after it follows the question, for the stand-in is not kept.
    const next = fromStored({ id: "q2", parentId: null, role: "user", createdAt: 30, parts: [] });
    await history.append({ message: next, parentId: "lost-q1" });
    expect((await store.messages.list("c")).map(({ id, parentId }) => [id, parentId])).toEqual([
      ["q1", null],
      ["q2", "q1"],
    ]);
  });

  it("tells that an answer is broken which the server has no more", async () => {
    const { session } = openPage();
    const pending = { streamId: "s", conversationId: "c", parentId: "q1", startedAt: 1, thinking: false };
    const server = new FakeServer(() => gone());
    expect(await run(resumeAnswer(session, pending, server)(options("a1")))).toMatchObject({
      status: { type: "incomplete", reason: "error" },
      metadata: { custom: { failure: { kind: "broken" } } },
    });
  });
});

describe("an answer that was left in a conversation which is not shown", () => {
  const pending = { streamId: "str_1", conversationId: "c", parentId: "q1", startedAt: 15, thinking: false };
  const { signal } = new AbortController();

  beforeEach(async () => {
    await openPage().history.append({ message: question, parentId: null });
    await store.pending.put(pending);
  });

  it("is read to its end and kept, without being opened", async () => {
    const server = new FakeServer(() => events(tokens(1, "Hi", "!") + DONE));
    await readLeftAnswers(store, undefined, signal, server);
    expect(server.lines).toEqual(["GET chat/streams/str_1 0"]);
    const { session, history } = openPage();
    const { messages } = await history.load();
    expect(messages.map(({ message }) => plainText(message))).toEqual(["hello", "Hi!"]);
    expect(session.toResume).toBeUndefined();
  });

  it("is there once where it is opened meanwhile", async () => {
    const { session, history } = openPage();
    await history.load();
    const reply = () => events(tokens(1, "Hi", "!") + DONE);
    await readLeftAnswers(store, undefined, signal, new FakeServer(reply));
    const last = await run(resumeAnswer(session, pending, new FakeServer(reply))(options("a1")));
    await history.append({ message: answerOf("a1", last), parentId: "q1" });
    expect(await store.messages.list("c")).toHaveLength(2);
  });

  it("is read by its thread where that is shown", async () => {
    const server = new FakeServer(noNetwork);
    await readLeftAnswers(store, "c", signal, server);
    expect(server.asked).toEqual([]);
  });

  it("is asked for once where it is gone, and that is kept in its place", async () => {
    const server = new FakeServer(() => gone());
    await readLeftAnswers(store, undefined, signal, server);
    await readLeftAnswers(store, undefined, signal, server);
    expect(server.asked).toHaveLength(1);
    expect((await store.messages.list("c")).at(-1)).toMatchObject({
      ending: "error",
      facts: { failure: { kind: "broken" } },
    });
  });

  it("is left to the next page where this one goes away", async () => {
    const leaving = new AbortController();
    const server = new FakeServer(() => {
      leaving.abort(LEAVE);
      return new TypeError("aborted");
    });
    await readLeftAnswers(store, undefined, leaving.signal, server);
    expect(await store.pending.list()).toEqual([pending]);
    expect(server.lines).toEqual(["GET chat/streams/str_1 0"]);
  });
});
