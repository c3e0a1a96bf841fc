import type { z } from "zod";

/** The headings under which `--help` and the docs list settings, in that order. */
export const SECTIONS = ["App", "HTTP workers", "HTTP limits", "Dirty workers", "Operation", "Logs"] as const;

/** What a computed default may look at. */
export interface DefaultContext {
  /** The folder where the command was started, absolute. */
  readonly cwd: string;
  /** The config file that was read, absolute; undefined without one. */
  readonly configFile: string | undefined;
  readonly app: string | undefined;
  readonly dirtyApps: readonly string[];
  readonly dirtySocket: string | undefined;
  readonly requestTimeout: number;
}

/** One row of the table. */
export interface Setting<Value> {
  readonly section: (typeof SECTIONS)[number];
  /** One sentence, with the unit. */
  readonly description: string;
  /** What stands for the value in `--help`. */
  readonly metavar: string;
  /** How text from a flag or from the environment becomes a value. */
  readonly kind: "text" | "number" | "boolean" | "list";
  readonly validator: z.ZodType<NonNullable<Value>>;
  /** The value where none is given, or how to find it; undefined where the setting has no default. */
  readonly default: Value | ((context: DefaultContext) => Value) | undefined;
  /** The default in words, where it is computed or undefined. */
  readonly defaultText?: string;
  /** The flag's name without dashes, where it is not the setting's name in kebab-case. */
  readonly flag?: string;
  /** The environment variable's name, where it is not `TSUNICORN_` and the setting's name in capitals. */
  readonly variable?: string;
  /** The variable that hosting platforms set for it; it counts where neither the flag nor `TSUNICORN_*` is there. */
  readonly platformVariable?: string;
  /** The flag's short form. */
  readonly letter?: string;
  /** The value of the flag where it stands alone; one that has a value is then written `--flag=VALUE`, as Node's. */
  readonly bare?: Value;
  /** Given as an argument of the command, without a flag. */
  readonly positional?: true;
  /** Cannot stand in a config file. */
  readonly notInFile?: true;
}

/** Keeps the value's type of each row, which the table as a whole is typed from. */
export function setting<Value>(row: Setting<Value>): Setting<Value> {
  return row;
}
