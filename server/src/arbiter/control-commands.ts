import { didYouMean } from "../config/suggest.ts";
import type { Kind } from "../process/channel.ts";
import type { ControlTarget, ScalableKind } from "./control-target.ts";
import { View } from "./control-views.ts";

/** More at once than a fleet may have is a slip of the keys. */
const MOST_AT_ONCE = 1000;

/** A command of the control socket. */
export interface ControlCommand {
  /** The words that name it. */
  readonly name: string;
  /** What may follow them, word by word, as help shows it; in brackets what may be left out. */
  readonly argument?: string;
  /** One sentence for help. */
  readonly help: string;
  /** Looks at the arguments alone. @throws UsageError when the command cannot have them. */
  readonly check?: (...args: string[]) => void;
  /**
   * Carries it out, with arguments that were checked.
   * @returns what is answered, a value for JSON.
   * @throws Error with the reason why not.
   */
  run(target: ControlTarget, ...args: string[]): unknown;
}

/** What people call a kind of child. */
const NAMES: Record<Kind, string> = {
  "http-worker": "HTTP worker",
  "dirty-arbiter": "dirty arbiter",
  "dirty-worker": "dirty worker",
};
const EVERY_KIND: Kind[] = ["http-worker", "dirty-arbiter", "dirty-worker"];

/** Every command, in the order of the help. */
export const COMMANDS: readonly ControlCommand[] = [
  {
    name: "show all",
    help: "Everything but the settings.",
    run: async (target) => (await View.of(target, ...EVERY_KIND)).all(),
  },
  {
    name: "show stats",
    help: "The server as a whole: uptime, requests, memory, restarts and why.",
    run: async (target) => (await View.of(target, ...EVERY_KIND)).stats(),
  },
  {
    name: "show workers",
    help: "The HTTP workers.",
    run: async (target) => (await View.of(target, "http-worker")).workers(),
  },
  {
    name: "show dirty",
    help: "The dirty arbiter and the dirty workers.",
    run: async (target) => (await View.of(target, "dirty-arbiter", "dirty-worker")).dirty(),
  },
  {
    name: "show apps",
    help: "The dirty apps: their workers and places.",
    run: async (target) => (await View.of(target, "dirty-arbiter")).apps(),
  },
  {
    name: "show queues",
    help: "Who waits for a place of which app, and for how long.",
    run: async (target) => (await View.of(target, "dirty-arbiter")).queues(),
  },
  {
    name: "show streams",
    help: "The runs in progress, the oldest first.",
    run: async (target) => (await View.of(target, "dirty-arbiter")).streams(),
  },
  {
    name: "show config",
    help: "Every setting, its value and its source; secrets are hidden.",
    run: async (target) => (await View.of(target)).config(),
  },
  {
    name: "show listeners",
    help: "The sockets.",
    run: async (target) => (await View.of(target)).listeners(),
  },
  {
    name: "worker add",
    argument: "[N]",
    help: "N more HTTP workers; default 1.",
    check: count,
    run: (target, n) => scale(target, "http-worker", count(n)),
  },
  {
    name: "worker remove",
    argument: "[N]",
    help: "N fewer HTTP workers, which finish their requests first; default 1.",
    check: count,
    run: (target, n) => scale(target, "http-worker", -count(n)),
  },
  {
    name: "worker kill",
    argument: "PID",
    help: "Kill that HTTP worker at once; another starts.",
    check: processId,
    run: (target, pid) => kill(target, ["http-worker"], pid),
  },
  {
    name: "dirty add",
    argument: "[N] [APP]",
    help: "N more dirty workers, of that app where each has its own; default 1.",
    check: count,
    run: (target, n, app) => scale(target, "dirty-worker", count(n), app),
  },
  {
    name: "dirty remove",
    argument: "[N] [APP]",
    help: "N fewer dirty workers, which finish their runs first; default 1.",
    check: count,
    run: (target, n, app) => scale(target, "dirty-worker", -count(n), app),
  },
  {
    name: "dirty kill",
    argument: "PID",
    help: "Kill that dirty worker or the dirty arbiter at once; another starts.",
    check: processId,
    run: (target, pid) => kill(target, ["dirty-worker", "dirty-arbiter"], pid),
  },
  {
    name: "reload",
    help: "Read the settings anew, start workers with new code, drain the old.",
    run: async (target) => ({ message: await target.reload() }),
  },
  {
    name: "reopen",
    help: "Open the log files again, after they were moved away.",
    run: (target) => {
      target.reopenLogs();
      return {};
    },
  },
  {
    name: "shutdown",
    argument: "[graceful|quick]",
    help: "Stop the server; by default, requests in progress may finish.",
    check: howToStop,
    run: (target, argument) => {
      const how = howToStop(argument);
      target.stop(how === "graceful");
      return { shutdown: how };
    },
  },
  {
    name: "ping",
    help: "Who answers; no other process is asked.",
    run: async (target) => (await View.of(target)).identity(),
  },
];

/** An unknown command, or a wrong argument. Nothing was done. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Finds the command that words name.
 * @throws UsageError that says what is wrong, and what was likely meant.
 */
export function findCommand(words: readonly string[]): {
  readonly command: ControlCommand;
  readonly args: string[];
} {
  const text = words.join(" ");
  const command = COMMANDS.find(({ name }) => `${text} `.startsWith(`${name} `));
  if (command === undefined) throw new UsageError(unknown(text));
  const { name, argument: form = "" } = command;
  const args = words.slice(name.split(" ").length);
  if (args.length > form.split(" ").filter((one) => one !== "").length)
    throw new UsageError(`${name} takes ${form === "" ? "no argument" : `nothing but ${form}`}`);
  if (args.length === 0 && form !== "" && !form.startsWith("["))
    throw new UsageError(`${name} needs an argument: ${name} ${form}`);
  command.check?.(...args);
  return { command, args };
}

function unknown(text: string): string {
  const names = COMMANDS.map(({ name }) => name);
  const group = names
    .filter((name) => name.startsWith(`${text} `))
    .map((name) => name.slice(text.length + 1));
  if (text !== "" && group.length > 0) return `${text} what? one of ${group.join(", ")}`;
  return text === "" ? "no command was given" : `unknown command: ${text}${didYouMean(text, names)}`;
}

function scale(target: ControlTarget, kind: ScalableKind, by: number, app?: string) {
  return { kind, target: target.scale(kind, by, app), ...(app === undefined ? {} : { app }) };
}

function kill(target: ControlTarget, kinds: readonly Kind[], argument: string | undefined) {
  const pid = processId(argument);
  const child = target.snapshot().children.find((one) => one.pid === pid && kinds.includes(one.kind));
  const what = kinds.map((kind) => NAMES[kind]).join(" or ");
  if (child === undefined) throw new Error(`This server has no ${what} with process id ${pid}.`);
  target.kill(child.kind, pid);
  return { kind: child.kind, killed: pid };
}

function count(argument = "1"): number {
  return wholeNumber(argument, MOST_AT_ONCE, `a number from 1 to ${MOST_AT_ONCE}`);
}

function processId(argument = ""): number {
  return wholeNumber(argument, Number.MAX_SAFE_INTEGER, "a process id");
}

function howToStop(argument = "graceful"): "graceful" | "quick" {
  if (argument === "graceful" || argument === "quick") return argument;
  throw new UsageError(`shutdown graceful or shutdown quick, not "${argument.slice(0, 80)}"`);
}

function wholeNumber(text: string, most: number, what: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw new UsageError(`"${text.slice(0, 80)}" is not ${what}`);
  return value;
}
