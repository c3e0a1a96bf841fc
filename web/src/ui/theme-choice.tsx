import type { JSX } from "react";
import { setPreferences, usePreferences } from "../preferences.ts";
import { Icon, type IconName } from "./icons.tsx";

const THEMES = [
  { theme: "system", label: "As the system", icon: "screen" },
  { theme: "light", label: "Light", icon: "sun" },
  { theme: "dark", label: "Dark", icon: "moon" },
] as const satisfies readonly { theme: string; label: string; icon: IconName }[];

/** The choice between light, dark and what the system says. */
export function ThemeChoice(): JSX.Element {
  const { theme } = usePreferences();
  return (
    <fieldset className="flex rounded-full bg-raised p-0.5">
      <legend className="sr-only">Colours</legend>
      {THEMES.map((one) => (
        <label key={one.theme} className="theme" title={one.label}>
          <input
            type="radio"
            name="theme"
            className="sr-only"
            aria-label={one.label}
            checked={theme === one.theme}
            onChange={() => setPreferences({ theme: one.theme })}
          />
          <Icon name={one.icon} className="size-4" />
        </label>
      ))}
    </fieldset>
  );
}
