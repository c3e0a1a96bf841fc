import { useAuiState } from "@assistant-ui/react";
import { useEffect } from "react";

const NAME = "Tsunicorn chat";

/** Names the browser's tab, and its history, after the conversation that is open. */
export function PageTitle(): null {
  const title = useAuiState((s) => s.threadListItem.title);
  useEffect(() => {
    document.title = title ? `${title} · ${NAME}` : NAME;
  }, [title]);
  return null;
}
