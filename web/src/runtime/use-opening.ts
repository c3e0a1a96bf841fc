import { useAuiState } from "@assistant-ui/react";
import { useEffect, useState, useSyncExternalStore } from "react";
import { onShownConversation, shownConversation } from "./shown-conversation.ts";

/** A conversation that has not opened by then is not waited for. */
const WITHIN_MS = 10_000;

/**
 * Whether the conversation that the page's address names is still to open: the thread is another one until then, and
 * what is said in it would be lost to this one.
 */
export function useOpening(): boolean {
  const shown = useSyncExternalStore(onShownConversation, shownConversation);
  const isOpen = useAuiState(
    (s) => !s.thread.isLoading && (shown === undefined || s.threadListItem.remoteId === shown),
  );
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (isOpen) return;
    const timer = setTimeout(() => setLate(true), WITHIN_MS);
    return () => clearTimeout(timer);
  }, [isOpen]);
  return !isOpen && !isLate;
}
