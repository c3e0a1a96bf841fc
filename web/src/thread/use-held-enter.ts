import { useAui } from "@assistant-ui/react";
import type { KeyboardEvent } from "react";

/**
 * What a field does with the key that sends while an answer comes: nothing. It cannot send then, and without this it
 * would add a line.
 */
export function useHeldEnter(): (event: KeyboardEvent<HTMLTextAreaElement>) => void {
  const aui = useAui();
  return (event) => {
    if (event.nativeEvent.isComposing || event.key !== "Enter" || event.shiftKey) return;
    if (aui.thread.getState().isRunning) event.preventDefault();
  };
}
