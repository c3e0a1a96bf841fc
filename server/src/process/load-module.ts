import { pathToFileURL } from "node:url";

const TYPESCRIPT = /\.[cm]?ts$/;
let registered = false;

/**
 * Imports a user's module. TypeScript is left to Node where it can (22.18 and later), else to tsx, which is
 * loaded then and only then: most processes in production run built JavaScript.
 * @param file absolute path.
 */
export async function loadModule(file: string): Promise<Record<string, unknown>> {
  if (TYPESCRIPT.test(file) && !registered && !nodeReadsTypeScript()) {
    const { register } = await import("tsx/esm/api");
    register();
    registered = true;
  }
  const module: unknown = await import(pathToFileURL(file).href);
  return module as Record<string, unknown>;
}

function nodeReadsTypeScript(): boolean {
  return "typescript" in process.features && process.features.typescript !== false;
}
