import { pathToFileURL } from "node:url";
import { explainLoadError } from "./load-error.ts";
import { loadTypeScriptAsWritten } from "./module-syntax.ts";
import { isTsxRegistered, registerTsx } from "./tsx.ts";

const JAVASCRIPT = /\.[cm]?js$/;

/**
 * Imports a user's module. JavaScript is left to Node. For anything else there is tsx, where the file's folder has it:
 * it loads all of TypeScript on every Node. Without tsx Node loads what it can, from 22.18 on.
 * @param file absolute path.
 * @param query with its `?`: a module of its own for each, which finds it in `import.meta.url`. Default: none.
 * @throws what the module throws; where Node cannot load it, an Error that says what to do, with Node's as its cause.
 */
export async function loadModule(file: string, query = ""): Promise<Record<string, unknown>> {
  if (!JAVASCRIPT.test(file) && !(await registerTsx(file)) && nodeReadsTypeScript())
    loadTypeScriptAsWritten();
  try {
    const module: unknown = await import(pathToFileURL(file).href + query);
    return exportsOf(module as Record<string, unknown>);
  } catch (error) {
    throw isTsxRegistered() ? error : explainLoadError(error, file);
  }
}

// What a compiler made CommonJS of is imported as one default export, which holds the exports that were written.
function exportsOf(module: Record<string, unknown>): Record<string, unknown> {
  const { default: whole } = module;
  const compiled = typeof whole === "object" && whole !== null && "__esModule" in whole;
  return compiled ? (whole as unknown as Record<string, unknown>) : module;
}

/** Whether this Node runs TypeScript without a loader. */
export function nodeReadsTypeScript(): boolean {
  return "typescript" in process.features && process.features.typescript !== false;
}
