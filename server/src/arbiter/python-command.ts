import { statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { AppSpec } from "../config/app-spec.ts";
import type { Settings } from "../config/settings.ts";

/** The dirty worker in Python. It lies beside the sources and beside what is built from them. */
const ENTRY = fileURLToPath(new URL("../../python/worker.py", import.meta.url));

/** The command of a dirty worker for an app in Python. The text behind the entry shows in lists of processes. */
export function pythonCommand(settings: Settings, app: AppSpec): [command: string, ...args: string[]] {
  return [interpreter(settings), "-u", ENTRY, `tsunicorn: dirty worker [${app.className}]`];
}

/** Why an interpreter cannot be started, and what to do. */
export function explainMissing(settings: Settings, error: Error): string {
  const name = interpreter(settings);
  // A virtualenv's folder is looked for where the server works, which may not be where its command was typed.
  const folder = path.isAbsolute(name) ? "" : `, and no folder ${path.resolve(settings.chdir, name)}`;
  const reason =
    "code" in error && error.code === "ENOENT" ? `there is no such program${folder}` : error.message;
  return `the Python interpreter ${name} cannot be started: ${reason}; install Python 3.9 or later, or name another with --python, as a virtualenv's folder or its bin/python`;
}

/** The setting `python` names a program, or the folder of a virtualenv. */
function interpreter({ python, chdir }: Settings): string {
  const folder = path.resolve(chdir, python);
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory()
    ? path.join(folder, "bin", "python")
    : python;
}
