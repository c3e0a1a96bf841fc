import { useCallback, useEffect, useRef, useState } from "react";

const SHOWN_MS = 2000;

/** Copies a text, and says for two seconds whether that went well. */
export function useCopied(): { state: "idle" | "copied" | "failed"; copy: (text: string) => void } {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = useCallback((text: string) => {
    const show = (next: "copied" | "failed"): void => {
      setState(next);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => setState("idle"), SHOWN_MS);
    };
    // There is no clipboard at all on a page that came over plain HTTP from another machine.
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    written.then(
      () => show("copied"),
      () => show("failed"),
    );
  }, []);
  return { state, copy };
}
