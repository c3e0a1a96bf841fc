import { getPreferences, subscribePreferences } from "../preferences.ts";

/** Puts the chosen theme on the page, now and whenever another is chosen, as long as the page lives. */
export function followTheme(): void {
  const apply = (): void => {
    const { theme } = getPreferences();
    document.documentElement.dataset["theme"] = theme;
    // The colour of the browser's own bars around the page.
    for (const meta of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")) {
      const scheme = meta.dataset["scheme"];
      const chosen = scheme === theme ? "all" : "not all";
      meta.media = theme === "system" ? `(prefers-color-scheme: ${scheme})` : chosen;
    }
  };
  apply();
  subscribePreferences(apply);
}
