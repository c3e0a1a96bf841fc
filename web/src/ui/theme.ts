import { getPreferences, subscribePreferences } from "../preferences.ts";

/** Puts the chosen theme on the page, now and whenever another is chosen, as long as the page lives. */
export function followTheme(): void {
  const apply = (): void => {
    document.documentElement.dataset["theme"] = getPreferences().theme;
  };
  apply();
  subscribePreferences(apply);
}
