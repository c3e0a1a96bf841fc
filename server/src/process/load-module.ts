import { pathToFileURL } from "node:url";

const TYPESCRIPT = /\.[cm]?ts$/;
let registered = false;

/**
 * Imports a user's module. TypeScript is left to Node where it can (22.18 and later), else to tsx, which is
 * loaded then and only then: most processes in production run built JavaScript.
 * @param file absolute path.
 * @param query with its `?`: a module of its own for each, which finds it in `import.meta.url`. Default: none.
 */
export async function loadModule(file: string, query = ""): Promise<Record<string, unknown>> {
  if (TYPESCRIPT.test(file) && !registered && !nodeReadsTypeScript()) {
    disableTsxCache();
    // Both: without "type": "module" in its package.json, a .ts file is CommonJS to tsx.
    const [cjs, esm] = await Promise.all([import("tsx/cjs/api"), import("tsx/esm/api")]);
    cjs.register();
    esm.register();
    registered = true;
  }
  const module: unknown = await import(pathToFileURL(file).href + query);
  return exportsOf(module as Record<string, unknown>);
}

// What a compiler made CommonJS of is imported as one default export, which holds the exports that were written.
function exportsOf(module: Record<string, unknown>): Record<string, unknown> {
  const { default: whole } = module;
  const compiled = typeof whole === "object" && whole !== null && "__esModule" in whole;
  return compiled ? (whole as unknown as Record<string, unknown>) : module;
}

/**
 * Keeps tsx from writing a cache, which would stay in the temp folder when the server is long gone. To be called
 * before the first module hook: the thread in which hooks run copies the environment when it starts.
 */
export function disableTsxCache(): void {
  process.env["TSX_DISABLE_CACHE"] ??= "1";
}

/** Whether this Node runs TypeScript without a loader. */
export function nodeReadsTypeScript(): boolean {
  return "typescript" in process.features && process.features.typescript !== false;
}
