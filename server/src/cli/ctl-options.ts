import { parseArgs } from "node:util";
import { findCommand, UsageError } from "../arbiter/control-commands.ts";

/** Flags of `tsunicorn ctl`, for its help. */
export const CTL_FLAGS: readonly { readonly form: string; readonly help: string }[] = [
  { form: "--pid PID", help: "The server whose arbiter is this process." },
  { form: "--socket PATH", help: "The server with this control socket." },
  { form: "-c, --config PATH", help: "The server that was started with this config file." },
  { form: "--json", help: "Print the result as one JSON document, for scripts." },
  { form: "-h, --help", help: "Show this help and exit." },
];

/** How the server is named; undefined: it is the only one. */
export type Named =
  | { readonly by: "socket" | "config"; readonly path: string }
  | { readonly by: "pid"; readonly pid: number };

/** What `tsunicorn ctl` is asked to do. */
export type CtlTask =
  | { readonly help: true }
  | {
      readonly help: false;
      /** The command's words with its argument, as they are sent. */
      readonly words: readonly string[];
      /** The command's name. */
      readonly name: string;
      readonly json: boolean;
      readonly server: Named | undefined;
    };

/**
 * Reads the arguments of `tsunicorn ctl`.
 * @throws UsageError that says what is wrong.
 */
export function readCtlTask(argv: readonly string[]): CtlTask {
  const { values, positionals } = parse(argv);
  if (values.help === true) return { help: true };
  const { command } = findCommand(positionals);
  return {
    help: false,
    words: positionals,
    name: command.name,
    json: values.json === true,
    server: readServer(values),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        pid: { type: "string" },
        socket: { type: "string" },
        config: { type: "string", short: "c" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function readServer({ pid, socket, config }: { pid?: string; socket?: string; config?: string }) {
  const given = [pid, socket, config].filter((value) => value !== undefined);
  if (given.length > 1) throw new UsageError("give one of --pid, --socket and --config");
  if (socket !== undefined) return { by: "socket" as const, path: socket };
  if (config !== undefined) return { by: "config" as const, path: config };
  if (pid === undefined) return undefined;
  if (!/^\d{1,15}$/.test(pid)) throw new UsageError(`--pid: "${pid}" is not a process id`);
  return { by: "pid" as const, pid: Number(pid) };
}
