import { Server } from "node:http";
import { getLogger } from "../process/logger.ts";
import type { OwnServer } from "./listen-watch.ts";

/**
 * Refuses an app that listens itself. It would serve past Tsunicorn, and no second process could: neither another
 * worker, nor the successor that a reload starts. A server for something else, such as metrics, may listen where one
 * worker is all there is.
 *
 * @param servers what was told to listen while the app was loaded.
 * @param own what the app's requests are served by: its servers and listeners.
 * @param workers how many HTTP workers load the app.
 * @throws Error that says where it listens, and what to do.
 */
export function refuseOwnListening(
  path: string,
  servers: readonly OwnServer[],
  own: readonly unknown[],
  workers: number,
): void {
  for (const one of servers) {
    const { address, fixed, server } = one;
    if (servesThe(own, one))
      throw new Error(`The app ${path} calls listen() itself, ${placeOf(one)}. ${REMEDY}`);
    if (!fixed) continue;
    if (workers > 1 && server.listenerCount("error") === 0) {
      throw new Error(
        `The app ${path} listens ${placeOf(one)}, which only one of its ${workers} HTTP workers can. Serve that in a process of its own, or on port 0, or set workers to 1.`,
      );
    }
    getLogger().warn(
      `the app listens ${placeOf(one)} itself: only one process can, so a reload fails as long as ${address} is taken`,
    );
  }
}

/** Tells the log of an app that listens itself once it was loaded: as soon as its database is there, for example. */
export function reportLateListening(path: string, server: OwnServer, own: readonly unknown[]): void {
  if (servesThe(own, server))
    tellOnce(`the app ${path} calls listen() itself, ${placeOf(server)}. ${REMEDY}`);
}

/**
 * Tells the log of a server that the app has told to listen once it was loaded, and that could not. Nothing else
 * depends on it, so the worker serves on: in its place the next one would come to the same.
 * @returns whether that is what the error is.
 */
export function survivesListenError(path: string, error: unknown): boolean {
  const reason = explainListenError(path, error);
  if (reason !== undefined) tellOnce(`${reason} ${ELSEWHERE} The worker goes on without it.`);
  return reason !== undefined;
}

/** What was told, at most this many messages: an app may call listen() at each request. */
const told = new Set<string>();
const MOST_TOLD = 100;

function tellOnce(message: string): void {
  if (told.has(message) || told.size >= MOST_TOLD) return;
  told.add(message);
  getLogger().error(message);
}

/** Says why a server of the app's could not listen; undefined: the error is another. */
export function explainListenError(path: string, error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || error.syscall !== "listen") return undefined;
  return `The app ${path} calls listen() itself, which failed: ${error.message}. ${REMEDY}`;
}

const REMEDY =
  "Remove that call and export the app: Tsunicorn has the sockets (the setting bind), and each of its HTTP workers serves what the module exports.";
const ELSEWHERE = "A server for something else belongs into a process of its own, or on port 0.";

function placeOf({ address, place }: OwnServer): string {
  return `on ${address}${place === "" ? "" : ` (${place})`}`;
}

function servesThe(own: readonly unknown[], { server, byPackage }: OwnServer): boolean {
  if (own.includes(server)) return true;
  if (!(server instanceof Server)) return false;
  const listeners = server.listeners("request");
  if (listeners.some((listener) => own.includes(listener))) return true;
  // The listener that a framework made of an app, for serve(app) or app.listen(), cannot be told from that of another
  // app of its kind. Express' own can: it is the app.
  const hides = own.some((one) => !(one instanceof Server) && (typeof one !== "function" || "fetch" in one));
  return byPackage && hides && !listeners.some((listener) => "handle" in listener);
}
