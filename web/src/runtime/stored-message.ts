import type { ThreadMessage } from "@assistant-ui/react";
import type { StoredMessage, StoredPart } from "../store/messages.ts";
import { readFacts } from "./answer-facts.ts";

/** A message as the browser keeps it. What passes while an answer runs is left out. */
export function toStored(
  message: ThreadMessage,
  parentId: string | null,
  streamId: string | undefined,
): StoredMessage | undefined {
  if (message.role === "system") return undefined;
  const parts: StoredPart[] = [];
  for (const part of message.content) {
    if (part.type === "text" || part.type === "reasoning") parts.push({ type: part.type, text: part.text });
  }
  const common = { id: message.id, parentId, createdAt: message.createdAt.getTime(), parts };
  if (message.role === "user") return { ...common, role: "user" };
  const { queuePlace: _place, reconnecting: _reconnecting, ...facts } = readFacts(message.metadata.custom);
  return {
    ...common,
    role: "assistant",
    ending: endingOf(message),
    facts: { ...facts },
    ...(streamId !== undefined && { streamId }),
  };
}

/** A kept message as the thread shows it. */
export function fromStored(stored: StoredMessage): ThreadMessage {
  const { id, role, parts } = stored;
  const createdAt = new Date(stored.createdAt);
  if (role === "user") {
    const content = parts.map(({ text }) => ({ type: "text" as const, text }));
    return { id, createdAt, role, content, attachments: [], metadata: { custom: {} } };
  }
  return {
    id,
    createdAt,
    role,
    content: parts.map(({ type, text }) => ({ type, text })),
    status: statusOf(stored.ending),
    metadata: {
      unstable_state: null,
      unstable_annotations: [],
      unstable_data: [],
      steps: [],
      custom: { ...readFacts(stored.facts) },
    },
  };
}

function endingOf({ status }: ThreadMessage): NonNullable<StoredMessage["ending"]> {
  if (status?.type !== "incomplete") return "complete";
  return status.reason === "error" ? "error" : "cancelled";
}

function statusOf(ending: StoredMessage["ending"]): Extract<ThreadMessage, { role: "assistant" }>["status"] {
  if (ending === "cancelled") return { type: "incomplete", reason: "cancelled" };
  if (ending === "error") return { type: "incomplete", reason: "error" };
  return { type: "complete", reason: "stop" };
}
