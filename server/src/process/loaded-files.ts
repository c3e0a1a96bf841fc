import Module from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { tellArbiter } from "./channel.ts";
import { nodeReadsTypeScript } from "./load-module.ts";
import { missing, type ResolveContext } from "./loaded-files-hooks.ts";
import { disableTsxCache } from "./tsx.ts";

/** The most files that are told; an app that has more of its own is watched in part. */
const MAX_FILES = 10_000;
/** This package's own folder, of sources or compiled. */
const OWN = fileURLToPath(new URL("..", import.meta.url));
const NODE_MODULES = `${path.sep}node_modules${path.sep}`;

/** What Node documents, but its types of version 20 do not have yet. */
interface SyncHooks {
  registerHooks(hooks: {
    resolve<R extends { url: string }>(
      specifier: string,
      context: ResolveContext,
      next: (specifier: string, context: ResolveContext) => R,
    ): R;
  }): void;
}

/** What CommonJS finds files with. Node does not document it; it is used only where there is nothing else. */
interface Resolver {
  _resolveFilename(this: unknown, ...request: unknown[]): string;
}

/**
 * Tells the arbiter from now on which files this process loads, as modules or with `require`. They are told before
 * they are run, also those that then cannot be run, and those that are not there: they may be mended. What lies in
 * `node_modules`, and what belongs to Tsunicorn, is left out.
 */
export function reportLoadedFiles(): void {
  const known = new Set<string>();
  let fresh: string[] = [];
  const flush = (): void => {
    if (fresh.length > 0) tellArbiter({ type: "loadedFiles", files: fresh });
    fresh = [];
  };
  const found = (file: string): void => {
    if (known.size >= MAX_FILES || known.has(file) || !isOfApp(file)) return;
    known.add(file);
    if (fresh.push(file) === 1) setImmediate(flush);
  };
  const foundUrl = (url: string): void => {
    if (url.startsWith("file:")) found(fileURLToPath(url));
  };
  // Where tsx is needed it brings hooks of the older kind, with which those of the newer kind do not get along.
  if (nodeReadsTypeScript() && "registerHooks" in Module) {
    const { registerHooks } = Module as unknown as SyncHooks;
    registerHooks({
      resolve: (specifier, context, next) => {
        try {
          const result = next(specifier, context);
          foundUrl(result.url);
          return result;
        } catch (error) {
          foundUrl(missing(specifier, context));
          throw error;
        }
      },
    });
  } else {
    watchModules(foundUrl);
    watchRequire(found);
  }
  // One that cannot be loaded may end the process before the next turn of its loop.
  process.once("exit", flush);
}

function isOfApp(file: string): boolean {
  return path.isAbsolute(file) && !file.includes(NODE_MODULES) && !file.startsWith(OWN);
}

// The hooks run in a thread of Node's own.
function watchModules(found: (url: string) => void): void {
  const { port1, port2 }: { port1: MessagePort; port2: MessagePort } = new MessageChannel();
  port1.on("message", found);
  port1.unref();
  process.once("exit", () => {
    for (let last = receiveMessageOnPort(port1); last !== undefined; last = receiveMessageOnPort(port1))
      found(last.message);
  });
  disableTsxCache();
  Module.register("./loaded-files-hooks.js", {
    parentURL: import.meta.url,
    data: { port: port2 },
    transferList: [port2],
  });
}

function watchRequire(found: (file: string) => void): void {
  const resolver = Module as unknown as Resolver;
  const resolve = resolver._resolveFilename;
  resolver._resolveFilename = function (...request) {
    const file = resolve.apply(this, request);
    found(file);
    return file;
  };
}
