/** The wait where no frame comes: a hidden tab draws none. */
const HIDDEN_MS = 250;

/** Waits until the browser draws the next frame; in a hidden tab, a moment. Ends early on abort. */
export async function nextFrame(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      if (frame !== undefined) cancelAnimationFrame(frame);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const frame = typeof requestAnimationFrame === "undefined" ? undefined : requestAnimationFrame(end);
    const timer = setTimeout(end, HIDDEN_MS);
    signal.addEventListener("abort", end);
  });
}
