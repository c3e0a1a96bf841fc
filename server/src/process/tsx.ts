import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** What is used of tsx's documented API, `tsx/cjs/api` and `tsx/esm/api`. */
interface TsxApi {
  register(options?: { tsconfig?: string }): unknown;
}

/** Whether tsx loads what this thread loads from now on. */
let registered = false;

/**
 * Finds tsx as an import in the file would: in `node_modules` of its folder or of one above, where a workspace, pnpm
 * and links put it. Of a file that is a link its target's folder comes first, as for Node.
 *
 * @param file absolute path.
 * @returns the path of `tsx/esm/api`; undefined where tsx is not installed.
 */
export function findTsx(file: string): string | undefined {
  for (const from of new Set([realPath(file), file])) {
    try {
      return createRequire(from).resolve("tsx/esm/api");
    } catch {}
  }
  return undefined;
}

/**
 * Has tsx load what this thread loads from now on, with the tsconfig.json that is nearest to the file.
 *
 * @param file absolute path; the first one decides, for all that follow.
 * @returns whether tsx is installed where the file is, or was found for an earlier one.
 * @throws Error where tsx is there and cannot be loaded, or cannot load that file.
 */
export async function registerTsx(file: string): Promise<boolean> {
  if (!registered && !(await register(file))) return false;
  refuseQuestionMark(realPath(file));
  return true;
}

async function register(file: string): Promise<boolean> {
  const api = findTsx(file);
  if (api === undefined) return false;
  disableTsxCache();
  const [esm, cjs] = await Promise.all([
    importApi(api),
    importApi(createRequire(api).resolve("tsx/cjs/api")),
  ]);
  const tsconfig = nearest("tsconfig.json", path.dirname(realPath(file)));
  // Of the two, one is told by its argument and the other by the environment, which children must not inherit.
  const given = process.env["TSX_TSCONFIG_PATH"];
  if (tsconfig !== undefined) process.env["TSX_TSCONFIG_PATH"] ??= tsconfig;
  try {
    // Both: without "type": "module" in its package.json, a .ts file is CommonJS to tsx.
    cjs.register();
    const chosen = process.env["TSX_TSCONFIG_PATH"];
    esm.register(chosen === undefined ? {} : { tsconfig: chosen });
    registered = true;
  } finally {
    if (given === undefined) delete process.env["TSX_TSCONFIG_PATH"];
  }
  return true;
}

// tsx itself would report a wrong syntax error, or a missing file.
function refuseQuestionMark(file: string): void {
  const mark = file.indexOf("?");
  if (mark === -1) return;
  const named = file.slice(0, `${file}/`.indexOf("/", mark));
  throw new Error(
    `tsx, which loads it, takes a question mark in a path for the end of the path: rename ${named}`,
  );
}

/** Whether tsx loads what this thread loads. */
export function isTsxRegistered(): boolean {
  return registered;
}

/**
 * Keeps tsx from writing a cache, which would stay in the temp folder when the server is long gone. To be called
 * before the first module hook: the thread in which hooks run copies the environment when it starts.
 */
export function disableTsxCache(): void {
  process.env["TSX_DISABLE_CACHE"] ??= "1";
}

/** The nearest file of a name, in a folder or above it. */
export function nearest(name: string, folder: string): string | undefined {
  for (let at = folder; ; at = path.dirname(at)) {
    const file = path.join(at, name);
    if (existsSync(file)) return file;
    if (at === path.dirname(at)) return undefined;
  }
}

// What `require` finds is the CommonJS edition, whose hooks tsx cannot start on Node 20; the other stands beside it.
async function importApi(found: string): Promise<TsxApi> {
  const file = found.replace(/\.cjs$/, ".mjs");
  const module: { register?: unknown } = await import(pathToFileURL(file).href);
  if (typeof module.register !== "function")
    throw new Error(`${file} is not an API of tsx that is known here.`);
  return module as TsxApi;
}

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
