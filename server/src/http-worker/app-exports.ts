import { Server } from "node:http";
import { isFastify, isNest } from "./app-kinds.ts";
import type { UpgradeArguments } from "./upgrades.ts";

/** What a web app's module exports that the server knows what to do with. */
export interface AppExports {
  /** What may serve, as it was exported, in the order in which it is to be tried. */
  readonly candidates: readonly unknown[];
  /** The first of them that is an HTTP server, which never listens itself. */
  readonly server: Server | undefined;
  /** Takes connections over, as a listener to `upgrade` of an HTTP server does. */
  readonly upgrade: ((...upgrade: UpgradeArguments) => unknown) | undefined;
  /** Frees what the app took. */
  readonly close: (() => unknown) | undefined;
}

/** The names under which an app is looked for. */
const NAMES = ["default", "app", "server"];
/** Compilers and loaders wrap CommonJS in a default export, some more than once. */
const MOST_WRAPPINGS = 3;

/**
 * Reads the exports, those of promises once they are settled: `default`, `app` and `server` may each be an app;
 * `upgrade` and `close` are functions beside it, or methods of the default export.
 * @throws what a promise among them was rejected with.
 */
export async function readAppExports(module: Record<string, unknown>): Promise<AppExports> {
  const holders: object[] = [module];
  const candidates: unknown[] = [];
  for (let depth = 0; depth <= MOST_WRAPPINGS; depth++) {
    const holder = holders[depth];
    if (holder === undefined) break;
    const values = await Promise.all(NAMES.map((name) => Reflect.get(holder, name)));
    candidates.push(...values.filter((value) => value !== undefined && value !== null));
    const [inner] = values;
    if (isHolder(inner) && !holders.includes(inner)) holders.push(inner);
  }
  return {
    candidates,
    server: candidates.find((value) => value instanceof Server),
    upgrade: methodOf(holders, "upgrade"),
    close: methodOf(holders, "close"),
  };
}

// What closes itself is closed as what it is.
function isHolder(value: unknown): value is object {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  return !(value instanceof Server) && !isFastify(value) && !isNest(value);
}

function methodOf(holders: readonly object[], name: string): ((...values: unknown[]) => unknown) | undefined {
  for (const holder of holders) {
    const method: unknown = Reflect.get(holder, name);
    if (typeof method === "function") return (...values) => Reflect.apply(method, holder, values);
  }
  return undefined;
}
