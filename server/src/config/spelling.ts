import { type SettingName, settings } from "./settings.ts";

/** The flag of a setting without its dashes: its name in kebab-case, in the singular for a list of apps. */
export function flagOf(name: SettingName): string {
  return settings[name].flag ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The environment variable of a setting: `TSUNICORN_` and its name in capitals, or one of its own. */
export function variableOf(name: SettingName): string {
  return (
    settings[name].variable ?? `TSUNICORN_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
  );
}

/** The default of a setting in words: the value itself where it is fixed. */
export function defaultTextOf(name: SettingName): string {
  const { defaultText, default: value } = settings[name];
  if (defaultText !== undefined) return defaultText;
  if (Array.isArray(value)) return value.join(", ") || "none";
  return typeof value === "boolean" ? (value ? "on" : "off") : String(value);
}
