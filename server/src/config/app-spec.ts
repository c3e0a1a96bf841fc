import { statSync } from "node:fs";
import path from "node:path";

/** A dirty app's spec, `PATH:Class` or `PATH:Class:N`, or `python:` and a module in place of the path, taken apart. */
export interface AppSpec {
  /** What runs the app: Node, or a Python interpreter. */
  readonly language: "node" | "python";
  /** The module's path as it was written, which `resolveAppFile` finds the file of; in Python its dotted name. */
  readonly path: string;
  /**
   * What stood behind a `?` in the path, with the `?`; empty without a `?`. The module is imported once more for
   * each, and reads its own in `import.meta.url`: so one class makes several apps.
   */
  readonly query: string;
  /** The export of that module which is the app's class. */
  readonly className: string;
  /** The most dirty workers that load the app; undefined where the spec leaves it to the class. */
  readonly workers?: number;
  /**
   * The app's identity, on the wire and everywhere else: the path relative to the base folder, with `/`
   * between folders, no leading `./`, no extension, the query, then `:` and the class. Each way to write the same
   * app has the same name. An app in Python is named as it is written, without N.
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
const EXTENSIONS = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".jsx"];

/** What a spec of an app in Python begins with. */
const PYTHON = "python:";

/** A module's dotted name. */
const MODULE = /^[\p{ID_Start}_]\p{ID_Continue}*(\.[\p{ID_Start}_]\p{ID_Continue}*)*$/u;

/** An app with workers of its own gets as many as it asks for, so there is an end to what it may ask for. */
export const MOST_OWN_WORKERS = 1000;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/**
 * Takes a dirty app's spec apart and gives the app its canonical name.
 *
 * @param base the folder that paths are relative to, absolute; default: the process's working folder, which
 *   in every child is the setting `chdir`.
 * @throws {AppSpecError} whose message is the reason, worded to follow the spec: `has no class …`.
 */
export function parseAppSpec(spec: string, base: string = process.cwd()): AppSpec {
  const language = isInPython(spec) ? "python" : "node";
  const form = language === "python" ? `${PYTHON}module:Class` : "PATH:Class";
  const [address = "", className, count, ...rest] = spec
    .slice(language === "python" ? PYTHON.length : 0)
    .split(":");
  const { file, query } = language === "python" ? { file: address, query: "" } : splitQuery(address);
  if (file === "" || file.includes("\0"))
    throw new AppSpecError(`has no ${language === "python" ? "module" : "path"}; write ${form}`);
  if (className === undefined || className === "") throw new AppSpecError(`has no class; write ${form}`);
  if (rest.length > 0) throw new AppSpecError(`has too many colons; write ${form} or ${form}:N`);
  if (!IDENTIFIER.test(className)) throw new AppSpecError(`has "${className}" where a class belongs`);
  if (language === "python" && !MODULE.test(file))
    throw new AppSpecError(`has "${file}" where a Python module belongs, as in python:chat_app:${className}`);
  const module = language === "python" ? `${PYTHON}${file}` : `${moduleName(file, base)}${query}`;
  const name = `${module}:${className}`;
  if (count === undefined) return { language, path: file, query, className, name };
  const workers = /^\d{1,6}$/.test(count) ? Number(count) : 0;
  const most = language === "python" ? MOST_OWN_WORKERS : Number.POSITIVE_INFINITY;
  if (workers < 1) throw new AppSpecError(`has "${count}" where its number of workers belongs, 1 or more`);
  if (workers > most)
    throw new AppSpecError(`has "${count}" where its number of workers belongs, ${most} at most`);
  return { language, path: file, query, className, workers, name };
}

/** Whether an app, named by its spec or canonically, is in Python. */
export function isInPython(spec: string): boolean {
  return spec.startsWith(PYTHON);
}

/** Whether a spec can be how Gunicorn names an app: `module:Class`, the module's name dotted. */
export function isGunicornsName(spec: string): boolean {
  const [module = "", className = "", ...rest] = spec.split(":");
  return rest.length === 0 && MODULE.test(module) && IDENTIFIER.test(className);
}

/**
 * Finds the file of a module: the path itself where it is a file, else the same name with each known
 * extension (js, mjs, cjs, ts, mts, cts, tsx, jsx). So a spec that says `.ts` also finds the built `.js`, and the other
 * way round.
 *
 * @param file the path as a spec or the setting `app` has it, absolute or relative to `base`.
 * @param base the folder that paths are relative to, absolute.
 * @returns the file's absolute path.
 * @throws {AppSpecError} where there is no such file.
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

function splitQuery(address: string): { file: string; query: string } {
  const at = address.indexOf("?");
  return at === -1 ? { file: address, query: "" } : { file: address.slice(0, at), query: address.slice(at) };
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
