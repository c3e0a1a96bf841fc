import { statSync } from "node:fs";
import path from "node:path";

/** A dirty app's spec, `PATH:Class` or `PATH:Class:N`, taken apart. */
export interface AppSpec {
  /** The module's path as it was written; `resolveAppFile` finds the file. */
  readonly path: string;
  /** The export of that module which is the app's class. */
  readonly className: string;
  /** The most dirty workers that load the app; undefined where the spec leaves it to the class. */
  readonly workers?: number;
  /**
   * The app's identity, on the wire and everywhere else: the path relative to the base folder, with `/`
   * between folders, no leading `./`, no extension, then `:` and the class. Each way to write the same app
   * has the same name.
   */
  readonly name: string;
}

/** A spec that cannot be understood, or that names a file which does not exist. */
export class AppSpecError extends Error {
  override readonly name = "AppSpecError";
}

/**
 * Extensions in the order in which a module is looked for. Built files come first: where both are there, a
 * spec without extension means what `npm run build` wrote, which needs no loader.
 */
const EXTENSIONS = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"];

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/**
 * Takes a dirty app's spec apart and gives the app its canonical name.
 *
 * @param base the folder that paths are relative to, absolute; default: the process's working folder, which
 *   in every child is the setting `chdir`.
 * @throws {AppSpecError} whose message is the reason, worded to follow the spec: `has no class …`.
 */
export function parseAppSpec(spec: string, base: string = process.cwd()): AppSpec {
  if (spec.startsWith("python:")) throw new AppSpecError("is an app in Python, which is not supported yet");
  const [file = "", className, count, ...rest] = spec.split(":");
  if (file === "" || file.includes("\0")) throw new AppSpecError("has no path; write PATH:Class");
  if (className === undefined || className === "") throw new AppSpecError("has no class; write PATH:Class");
  if (rest.length > 0) throw new AppSpecError("has too many colons; write PATH:Class or PATH:Class:N");
  if (!IDENTIFIER.test(className)) throw new AppSpecError(`has "${className}" where a class belongs`);
  const name = `${moduleName(file, base)}:${className}`;
  if (count === undefined) return { path: file, className, name };
  const workers = /^\d{1,6}$/.test(count) ? Number(count) : 0;
  if (workers < 1) throw new AppSpecError(`has "${count}" where its number of workers belongs, 1 or more`);
  return { path: file, className, workers, name };
}

/**
 * Finds the file of a module: the path itself where it is a file, else the same name with each known
 * extension (js, mjs, cjs, ts, mts, cts). So a spec that says `.ts` also finds the built `.js`, and the other
 * way round.
 *
 * @param file the path as a spec or the setting `app` has it, absolute or relative to `base`.
 * @param base the folder that paths are relative to, absolute.
 * @returns the file's absolute path.
 * @throws {AppSpecError} where there is none.
 */
export function resolveAppFile(file: string, base: string): string {
  const exact = path.resolve(base, file);
  if (isFile(exact)) return exact;
  const stem = withoutExtension(exact);
  for (const extension of EXTENSIONS) {
    if (isFile(stem + extension)) return stem + extension;
  }
  const tried = EXTENSIONS.map((extension) => extension.slice(1)).join(", ");
  throw new AppSpecError(`no such file: ${exact} (tried the extensions ${tried})`);
}

function moduleName(file: string, base: string): string {
  return withoutExtension(path.relative(base, path.resolve(base, file)))
    .split(path.sep)
    .join("/");
}

function withoutExtension(file: string): string {
  const extension = path.extname(file);
  return EXTENSIONS.includes(extension) ? file.slice(0, -extension.length) : file;
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}
