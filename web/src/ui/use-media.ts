import { useCallback, useSyncExternalStore } from "react";

/** A phone, or a window as narrow: the conversations are a drawer. */
export const NARROW = "(max-width: 47.99rem)";

/** The device has a keyboard. On others, focus would open one over the page. */
export const HAS_KEYS = "(hover: hover) and (pointer: fine)";

/** Whether a media query holds, now and when that changes. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (onChange: () => void) => {
      const list = matchMedia(query);
      list.addEventListener("change", onChange);
      return () => list.removeEventListener("change", onChange);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}
