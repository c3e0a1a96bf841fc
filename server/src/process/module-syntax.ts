import { readFileSync } from "node:fs";
import Module from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { compileFunction } from "node:vm";

/** What Node documents, but its types of version 20 do not have yet. */
interface NewerModule {
  registerHooks(hooks: {
    resolve(
      specifier: string,
      context: object,
      next: (specifier: string, context: object) => { url: string; format?: string | null },
    ): { url: string; format?: string | null };
  }): void;
  stripTypeScriptTypes(source: string): string;
}

/** How V8 refuses, as a CommonJS script, what only an ECMAScript module can say. */
const MODULE_ONLY =
  /^(Cannot use import statement outside a module|Unexpected token 'export'|Cannot use 'import\.meta' outside a module)$/;
const WRAPPER = ["exports", "require", "module", "__filename", "__dirname"];
const NODE_MODULES = `${path.sep}node_modules${path.sep}`;

let settled = false;

/**
 * From now on a `.ts` file that is written as an ECMAScript module is loaded as one, also where its package.json has
 * `"type": "commonjs"`. `npm init -y` writes that since npm 11, unasked; Node would refuse the first `import`. tsx
 * does the same. For a Node that reads TypeScript by itself.
 */
export function loadTypeScriptAsWritten(): void {
  if (settled) return;
  settled = true;
  const { registerHooks, stripTypeScriptTypes } = Module as unknown as NewerModule;
  registerHooks({
    resolve: (specifier, context, next) => {
      const found = next(specifier, context);
      if (found.format !== "commonjs-typescript" || !found.url.startsWith("file:")) return found;
      const file = fileURLToPath(found.url);
      const isModule = !file.endsWith(".cts") && !file.includes(NODE_MODULES) && isWrittenAsModule(file);
      return isModule ? { ...found, format: "module-typescript" } : found;
    },
  });

  function isWrittenAsModule(file: string): boolean {
    try {
      compileFunction(
        quietly(() => stripTypeScriptTypes(readFileSync(file, "utf8"))),
        WRAPPER,
      );
    } catch (error) {
      // Anything else that is wrong with the file, Node says better when it loads it.
      return error instanceof SyntaxError && MODULE_ONLY.test(error.message);
    }
    return false;
  }
}

// Node warns that it may change how types are stripped, which is for this file to know and not for the log.
function quietly<T>(work: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}
