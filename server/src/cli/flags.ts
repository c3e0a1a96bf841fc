/** What the `tsunicorn` command is asked to do. */
export type Task = "help" | "version" | "check-config" | "print-config" | "serve";

/** Flags that choose the task, and are not settings. Of several that are given, the first in this list counts. */
const TASKS: readonly {
  readonly task: Task;
  readonly words: readonly string[];
  readonly description: string;
}[] = [
  { task: "help", words: ["-h", "--help"], description: "Show this help and exit." },
  { task: "version", words: ["-v", "--version"], description: "Show the version and exit." },
  {
    task: "check-config",
    words: ["--check-config"],
    description: "Check the settings and that the apps' files exist, without running them, and exit.",
  },
  {
    task: "print-config",
    words: ["--print-config"],
    description: "Show every setting, its value and where it came from, and exit.",
  },
];

/** The flags that choose a task, for `--help`. */
export const TASK_FLAGS: readonly { readonly words: readonly string[]; readonly description: string }[] =
  TASKS;

/**
 * Separates what to do from the settings to do it with.
 *
 * @param argv the command's arguments, without node and the script.
 * @returns the task, and the arguments that are left, all of them settings. After `--` everything is.
 */
export function readTask(argv: readonly string[]): { readonly task: Task; readonly argv: string[] } {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const before = argv.slice(0, end);
  const asked = TASKS.find(({ words }) => words.some((word) => before.includes(word)));
  const words = TASKS.flatMap((task) => task.words);
  const rest = before.filter((argument) => !words.includes(argument));
  return { task: asked?.task ?? "serve", argv: [...rest, ...argv.slice(end)] };
}
