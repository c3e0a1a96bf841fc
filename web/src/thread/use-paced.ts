import { useEffect, useReducer, useRef } from "react";

/** What a slow machine parses and lays out within a frame. */
const PER_RENDER = 2500;

/**
 * A growing text, by at most so much at once: where a whole page comes between two frames, it is shown over several.
 * A text that was there before, of an answer that has ended, is shown at once.
 */
export function usePaced(text: string, running: boolean): string {
  const shown = useRef(running ? 0 : text.length);
  const [, renderAgain] = useReducer((count: number) => count + 1, 0);
  const length = Math.min(text.length, shown.current + PER_RENDER);
  useEffect(() => {
    shown.current = length;
    if (length === text.length) return;
    const frame = requestAnimationFrame(renderAgain);
    return () => cancelAnimationFrame(frame);
  });
  return text.slice(0, length);
}
