import { ThreadListItemPrimitive, useAui, useAuiState } from "@assistant-ui/react";
import { type JSX, useRef, useState } from "react";
import { Menu } from "../ui/menu.tsx";
import { DeleteDialog } from "./delete-dialog.tsx";
import { downloadConversation } from "./download.ts";
import { RenameField } from "./rename-field.tsx";

const UNNAMED = "New chat";

/** One conversation: opens it; its menu renames, exports and deletes it. */
export function ConversationItem({ onOpen }: { onOpen?: (() => void) | undefined }): JSX.Element {
  const aui = useAui();
  const title = useAuiState((s) => s.threadListItem.title) || UNNAMED;
  const id = useAuiState((s) => s.threadListItem.remoteId);
  const isRunning = useAuiState((s) => s.threadListItem.isRunning);
  const isOpen = useAuiState((s) => s.threads.mainThreadId === s.threadListItem.id);
  const [mode, setMode] = useState<"show" | "rename" | "delete">("show");
  const menu = useRef<HTMLButtonElement>(null);

  if (mode === "rename") {
    return (
      <RenameField
        title={title}
        onDone={(next) => {
          if (next !== undefined) aui.threadListItem.rename(next);
          setMode("show");
          // The field that had the focus goes; the menu it came from is there again with the next paint.
          requestAnimationFrame(() => menu.current?.focus());
        }}
      />
    );
  }
  return (
    <ThreadListItemPrimitive.Root className="conversation">
      <ThreadListItemPrimitive.Trigger
        className="side-item pe-9"
        title={title}
        aria-current={isOpen ? "page" : undefined}
        onClick={onOpen}
      >
        <span className="truncate" dir="auto">
          {title}
        </span>
        {isRunning && !isOpen && <span className="running" role="img" aria-label="Answering" />}
      </ThreadListItemPrimitive.Trigger>
      <Menu
        button={menu}
        label={`More for “${title}”`}
        items={[
          { icon: "edit", text: "Rename", onSelect: () => setMode("rename") },
          {
            icon: "save",
            text: "Export",
            onSelect: () => {
              if (id !== undefined) void downloadConversation(id);
            },
          },
          { icon: "trash", text: "Delete", danger: true, onSelect: () => setMode("delete") },
        ]}
      />
      <DeleteDialog
        open={mode === "delete"}
        title={title}
        onClose={() => setMode("show")}
        onDelete={() => aui.threadListItem.delete()}
      />
    </ThreadListItemPrimitive.Root>
  );
}
