import { type ChatStore, chatStore } from "../store/chat-store.ts";
import { exportMarkdown } from "../store/export-markdown.ts";
import { branchOf, leafOf } from "../store/messages.ts";

/**
 * The branch of a conversation that is shown, as a Markdown file.
 * @returns undefined where there is nothing to export
 */
export async function exportConversation(
  id: string,
  { conversations, messages }: ChatStore = chatStore,
): Promise<{ readonly fileName: string; readonly markdown: string } | undefined> {
  const [conversation, stored] = await Promise.all([conversations.get(id), messages.list(id)]);
  const last = stored.find((message) => message.id === conversation?.headId) ?? stored.at(-1);
  if (conversation === undefined || last === undefined) return undefined;
  const title = conversation.title ?? "Conversation";
  const branch = branchOf(stored, leafOf(stored, last.id));
  // What some system does not allow in a file's name is left out.
  const name = title
    .replace(/[^\p{L}\p{N} _-]+/gu, "")
    .trim()
    .replace(/\s+/g, "-");
  return { fileName: `${name || "conversation"}.md`, markdown: exportMarkdown(title, branch) };
}
