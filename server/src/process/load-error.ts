import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { findTsx, nearest } from "./tsx.ts";

/** What TypeScript and JSX files end in, and what an import may leave out of their names. */
const ENDINGS = [".ts", ".tsx", ".mts", ".cts", ".jsx", ".js", "/index.ts", "/index.tsx", "/index.js"];
const MODULE_SYNTAX =
  /^(Cannot use import statement outside a module|Unexpected token 'export'|Cannot use 'import\.meta' outside a module)/;

/**
 * Says what to do about a module that Node alone cannot load.
 *
 * @param error what the import threw.
 * @param file the file that was imported first, absolute.
 * @returns an Error with the advice, whose cause is what was given; that itself where there is no advice, as for what
 *   the module's own code threw.
 */
export function explainLoadError(error: unknown, file: string): unknown {
  if (!(error instanceof Error)) return error;
  const advice = adviceFor(error, file);
  return advice === undefined ? error : new Error(advice, { cause: error });
}

function adviceFor(error: Error & { code?: unknown }, file: string): string | undefined {
  const { code, message } = error;
  switch (code) {
    case "ERR_UNKNOWN_FILE_EXTENSION": {
      const [, extension = "", at = file] = /"(.+)" for (.+)$/.exec(message) ?? [];
      if (/^\.[jt]sx$/.test(extension)) return `${at} is JSX, which Node does not load: ${useTsx(file)}`;
      if (!/^\.[cm]?ts$/.test(extension)) return undefined;
      return `${at} is TypeScript, which Node ${process.versions.node} does not load by itself: ${useTsx(file)}, or use Node 22.18 or later`;
    }
    case "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX":
      return `${placeOf(error, file)} has TypeScript that is more than types, which Node does not load: ${useTsx(file)}`;
    case "ERR_INVALID_TYPESCRIPT_SYNTAX":
      return `${placeOf(error, file)} has a syntax error`;
    case "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING":
      return `TypeScript in node_modules is not loaded by Node: ${useTsx(file)}`;
    case "ERR_MODULE_NOT_FOUND":
    case "MODULE_NOT_FOUND":
    case "ERR_UNSUPPORTED_DIR_IMPORT":
      return adviceForMissing(error, file);
    default:
      return error instanceof SyntaxError ? adviceForSyntax(error, file) : undefined;
  }
}

/** Of a file that is not there by the name in the import, but by another that tsx would have found. */
function adviceForMissing(error: Error, file: string): string | undefined {
  const [, wanted = "", importer = ""] =
    /^(?:Cannot find module|Cannot find package|Directory import) '(.+?)'(?:.* imported from (.+))?$/m.exec(
      error.message,
    ) ?? [];
  const from = importer || requirer(error) || file;
  if (/^Cannot find package/.test(error.message) || !/^(\.|\/|file:)/.test(wanted)) {
    if (wanted === "tsunicorn")
      return `the package tsunicorn is missing: run \`npm install tsunicorn\` in ${packageFolder(from)}`;
    const tsconfig = nearest("tsconfig.json", path.dirname(from));
    return tsconfig !== undefined && /"paths"\s*:/.test(readFileSync(tsconfig, "utf8"))
      ? `where ${wanted} is one of the paths of ${tsconfig}, which Node does not know: ${useTsx(file)}`
      : undefined;
  }
  const named = wanted.startsWith("file:") ? fileURLToPath(wanted) : path.resolve(path.dirname(from), wanted);
  const stem = named.replace(/\.[cm]?jsx?$/, "");
  const meant = [named, stem]
    .flatMap((base) => ENDINGS.map((ending) => base + ending))
    .find((candidate) => existsSync(candidate));
  if (meant === undefined) return undefined;
  return `${from} imports ${named}, and what is there is ${meant}: import it by that name, or ${useTsx(file)}`;
}

function adviceForSyntax(error: SyntaxError, file: string): string | undefined {
  if (MODULE_SYNTAX.test(error.message)) {
    const at = /^(\/.+?)(?::\d+)?$/m.exec(error.stack ?? "")?.[1] ?? file;
    const manifest = nearest("package.json", path.dirname(at));
    const where = manifest === undefined ? "" : ` in ${path.dirname(manifest)}`;
    return `${at} is written as an ECMAScript module, but Node takes it for CommonJS: run \`npm pkg set type=module\`${where}, or let its name end in .m${path.extname(at).slice(1)}`;
  }
  // V8 says no more of a decorator, and Node does not say in which file it is.
  if (error.message !== "Invalid or unexpected token" || !error.stack?.includes("node:internal/modules"))
    return undefined;
  return `${file}, or what it imports, has syntax that Node does not know; for decorators, ${useTsx(file)}`;
}

function useTsx(file: string): string {
  if (findTsx(file) !== undefined)
    return `tsx is installed, but loads an app only where that is TypeScript or JSX itself: rename ${path.basename(file)}`;
  return `run \`npm install tsx\` in ${packageFolder(file)}`;
}

function packageFolder(file: string): string {
  return path.dirname(nearest("package.json", path.dirname(file)) ?? file);
}

/** The file and line that a syntax error's stack begins with. */
function placeOf(error: Error, file: string): string {
  const [, at = "", line = ""] = /^(file:\/\/.+|\/.+):(\d+)$/m.exec(error.stack ?? "") ?? [];
  if (at === "") return file;
  return `${at.startsWith("file:") ? fileURLToPath(at) : at}, line ${line},`;
}

function requirer(error: object): string | undefined {
  const stack: unknown = Reflect.get(error, "requireStack");
  return Array.isArray(stack) && typeof stack[0] === "string" ? stack[0] : undefined;
}
