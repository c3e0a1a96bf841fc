import { useSyncExternalStore } from "react";

/** What the user chose, kept in this browser for all conversations. */
export interface Preferences {
  /** Whether answers begin with a visible thinking phase. */
  readonly thinking: boolean;
  /** The model to ask; undefined for the server's default. */
  readonly model?: string | undefined;
  readonly theme: "system" | "light" | "dark";
  /** Whether the conversations stand beside the one that is open, where there is room for them. */
  readonly sidebar: boolean;
}

const KEY = "tsunicorn-preferences";
const DEFAULTS: Preferences = { thinking: false, theme: "system", sidebar: true };
const THEMES = ["system", "light", "dark"] as const;

const listeners = new Set<() => void>();
let current: Preferences | undefined;

/** What is chosen now. The same object until something changes. */
export function getPreferences(): Preferences {
  current ??= load();
  return current;
}

/** Changes some of it. Where the browser keeps nothing, it holds as long as the page. */
export function setPreferences(change: Partial<Preferences>): void {
  current = { ...getPreferences(), ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // A private window, or a full store: the choice still holds in this page.
  }
  for (const listener of [...listeners]) listener();
}

/** Calls back on each change, in another tab too, until the function that it returns is called. */
export function subscribePreferences(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1 && typeof window !== "undefined") window.addEventListener("storage", onStorage);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && typeof window !== "undefined")
      window.removeEventListener("storage", onStorage);
  };
}

/** What is chosen, and renders again when it changes. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribePreferences, getPreferences);
}

/** Reads what is stored. What has another shape gets its default. */
export function readPreferences(stored: string | null): Preferences {
  let value: unknown;
  try {
    value = JSON.parse(stored ?? "");
  } catch {
    return DEFAULTS;
  }
  if (typeof value !== "object" || value === null) return DEFAULTS;
  const { thinking, model, theme, sidebar }: Partial<Record<keyof Preferences, unknown>> = value;
  return {
    thinking: thinking === true,
    theme: THEMES.find((one) => one === theme) ?? DEFAULTS.theme,
    sidebar: sidebar !== false,
    ...(typeof model === "string" && { model }),
  };
}

function load(): Preferences {
  try {
    return readPreferences(localStorage.getItem(KEY));
  } catch {
    return DEFAULTS;
  }
}

function onStorage({ key }: StorageEvent): void {
  if (key !== KEY && key !== null) return;
  current = undefined;
  for (const listener of [...listeners]) listener();
}
