import type { ThreadMessage } from "@assistant-ui/react";

/** A message's text of one kind: what is said, or what was thought before. */
export function textOf(message: ThreadMessage | undefined, type: "text" | "reasoning"): string {
  let text = "";
  for (const part of message?.content ?? []) if (part.type === type) text += part.text;
  return text;
}
