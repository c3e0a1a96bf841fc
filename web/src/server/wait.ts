/** Calls back when the network or the page's attention comes back, so that a wait for it can end early. */
export type Wake = (callback: () => void) => () => void;

/** The browser's own signs; none where there is no window. */
export const browserWake: Wake = (callback) => {
  if (typeof window === "undefined") return () => undefined;
  const onVisible = (): void => {
    if (document.visibilityState === "visible") callback();
  };
  window.addEventListener("online", callback);
  document.addEventListener("visibilitychange", onVisible);
  return () => {
    window.removeEventListener("online", callback);
    document.removeEventListener("visibilitychange", onVisible);
  };
};

/** Lets everything else that waits for the thread go first. Unlike a timer's, its end is not put off in a hidden tab. */
export function letOthersGo(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Waits; ends early when woken. @throws the signal's reason on abort */
export async function pause(ms: number, signal: AbortSignal, wake: Wake): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      sleep();
      signal.removeEventListener("abort", onAbort);
    };
    const onDone = (): void => {
      end();
      resolve();
    };
    const onAbort = (): void => {
      end();
      reject(signal.reason);
    };
    const timer = setTimeout(onDone, ms);
    const sleep = wake(onDone);
    signal.addEventListener("abort", onAbort);
  });
}

const FIRST_MS = 250;
const LONGEST_MS = 5000;

/** The wait before try `tries` (from 0): it doubles, up to five seconds. */
export function backoff(tries: number): number {
  return Math.min(FIRST_MS * 2 ** Math.min(tries, 10), LONGEST_MS);
}
