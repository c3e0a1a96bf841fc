import type { ChatModelAdapter } from "@assistant-ui/react";
import { getPreferences } from "../preferences.ts";
import { ChatFailure } from "../server/chat-error.ts";
import { type ChatServer, chatServer } from "../server/chat-server.ts";
import { askChat, type ChatUpdate, LEAVE, type Question, resumeChat } from "../server/chat-stream.ts";
import { member } from "../server/json.ts";
import type { PendingAnswer } from "../store/pending-answers.ts";
import { Answer } from "./answer.ts";
import { nextFrame } from "./frame.ts";
import { askForModels, modelToAsk } from "./models.ts";
import { questionOf } from "./question.ts";
import type { ThreadSession } from "./thread-session.ts";

type Run = ChatModelAdapter["run"];
type RunOptions = Parameters<Run>[0];
type RunResults = Extract<ReturnType<Run>, AsyncGenerator>;

/** Asks the server for the answers of a thread. Never throws: a failure is a fact of the answer. */
export function createChatModel(session: ThreadSession, server: ChatServer = chatServer) {
  return {
    async *run(options: RunOptions): RunResults {
      const { thinking, model: chosen } = getPreferences();
      const model = modelToAsk(chosen);
      const question = questionOf(options.messages, { thinking, model });
      const answer = new Answer({ thinking, model });
      if (question === undefined) {
        answer.fail(new ChatFailure("refused", "There is no question to answer."));
        yield answer.result(true);
        return;
      }
      const startedAt = Date.now();
      const onStream = (streamId: string): void => {
        const { unstable_parentId: parentId, unstable_assistantMessageId: messageId } = options;
        if (messageId === undefined || typeof parentId !== "string") return;
        session.noteStream(messageId, {
          streamId,
          parentId: session.keptId(parentId),
          startedAt,
          thinking,
          model,
        });
      };
      yield* show(answer, (signal) => ask(question, signal, server), options, session, onStream);
    },
  };
}

/** Where the server does not have the model, the page learns which ones it has: the next try then names one of them. */
async function* ask(
  question: Question,
  signal: AbortSignal,
  server: ChatServer,
): AsyncGenerator<ChatUpdate, void, void> {
  try {
    yield* askChat(question, signal, server);
  } catch (error) {
    if (error instanceof ChatFailure && error.kind === "model") await askForModels(server);
    throw error;
  }
}

/** Reads an answer that an earlier page asked for, from its first token. Never throws. */
export function resumeAnswer(
  session: ThreadSession,
  pending: PendingAnswer,
  server: ChatServer = chatServer,
) {
  const { streamId, thinking, model } = pending;
  return async function* run(options: RunOptions): RunResults {
    const answer = new Answer({ thinking, model, replayed: true });
    const onStream = (): void => {
      const messageId = options.unstable_assistantMessageId;
      if (messageId !== undefined) session.noteStream(messageId, streamId);
    };
    yield* show(answer, (signal) => resumeChat(streamId, signal, server), options, session, onStream);
  };
}

/** Shows an answer while it comes: at most once a frame, and at its end the whole. */
async function* show(
  answer: Answer,
  open: (signal: AbortSignal) => AsyncIterable<ChatUpdate>,
  { abortSignal, unstable_assistantMessageId: messageId = "" }: RunOptions,
  session: ThreadSession,
  onStream: (streamId: string) => void,
): RunResults {
  const reading = new AbortController();
  const ended = new AbortController();
  const onAbort = (): void => {
    // The thread was taken off the page, not stopped: the answer goes on, and the next page reads it.
    const left = member(abortSignal.reason, "detach") === true;
    if (left) session.leave(messageId);
    else session.forgetStream(messageId);
    reading.abort(left ? LEAVE : abortSignal.reason);
  };
  if (abortSignal.aborted) onAbort();
  abortSignal.addEventListener("abort", onAbort);

  let wake = (): void => undefined;
  let changed = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const read = async (): Promise<void> => {
    try {
      for await (const update of open(reading.signal)) {
        if (update.type === "stream") onStream(update.id);
        else answer.take(update);
        wake();
      }
    } catch (error) {
      if (!reading.signal.aborted) answer.fail(error);
    } finally {
      ended.abort();
      wake();
    }
  };
  const whole = read();
  try {
    for (;;) {
      await changed;
      if (ended.signal.aborted) break;
      changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      yield answer.result(false);
      await nextFrame(ended.signal);
    }
    await whole;
    if (!reading.signal.aborted) yield answer.result(true);
  } finally {
    abortSignal.removeEventListener("abort", onAbort);
    reading.abort(LEAVE);
  }
}
