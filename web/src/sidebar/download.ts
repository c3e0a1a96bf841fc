import { exportConversation } from "../runtime/export-conversation.ts";

const KEPT_MS = 60_000;

/** Saves the branch of a conversation that is shown as a Markdown file. */
export async function downloadConversation(id: string): Promise<void> {
  const file = await exportConversation(id);
  if (file === undefined) return;
  const address = URL.createObjectURL(new Blob([file.markdown], { type: "text/markdown;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = file.fileName;
  link.click();
  // The browser reads it after the click, at its own pace.
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
