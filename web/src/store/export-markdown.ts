import type { StoredMessage } from "./messages.ts";
import { textOf } from "./messages.ts";

const NAMES = { user: "You", assistant: "Answer" } as const;

/**
 * A conversation as Markdown: its title, then each turn under a heading. The thinking phase is left out.
 * @param branch the messages that are shown, from first to last
 */
export function exportMarkdown(title: string, branch: readonly StoredMessage[]): string {
  const turns = branch.map((message) => {
    const text = textOf(message).trim();
    const note = noteOf(message);
    return [`## ${NAMES[message.role]}`, text, note].filter((part) => part !== "").join("\n\n");
  });
  return `${[`# ${title.replace(/\s+/g, " ").trim()}`, ...turns].join("\n\n")}\n`;
}

/** What a reader of the file must know of an answer that did not end well. */
function noteOf({ role, ending }: StoredMessage): string {
  if (role !== "assistant") return "";
  if (ending === "cancelled") return "*(stopped)*";
  if (ending === "error") return "*(not whole: the answer failed)*";
  return "";
}
