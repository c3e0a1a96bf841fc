import type { SettingName } from "./settings.ts";

/** Where a setting's value came from. */
export interface Source {
  readonly kind: "flag" | "argument" | "environment" | "file" | "default";
  /** The flag as it was written, the variable's name or the file's path; empty for an argument and a default. */
  readonly where: string;
}

/** A value that someone gave, not checked yet. */
export interface Given {
  readonly value: unknown;
  readonly source: Source;
}

/** All that was given in one place (flags, environment or file), and what is wrong with it as a whole. */
export interface Layer {
  readonly given: ReadonlyMap<SettingName, Given>;
  readonly problems: readonly string[];
}

/** Names a source in a few words, for messages and `--print-config`. */
export function describeSource(source: Source): string {
  switch (source.kind) {
    case "flag":
      return `flag ${source.where}`;
    case "argument":
      return "argument APP";
    case "environment":
      return `environment ${source.where}`;
    case "file":
      return `file ${source.where}`;
    case "default":
      return "default";
  }
}

/**
 * Reads a number strictly: `12abc`, `1e3`, `0x10` and an empty text stay text, so that the check which follows
 * refuses them and shows them as they were written.
 */
export function readNumber(text: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
