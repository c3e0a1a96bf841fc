import { useSyncExternalStore } from "react";
import { type ChatServer, chatServer } from "../server/chat-server.ts";
import { listModels } from "../server/models.ts";

const NONE: readonly string[] = [];

let known = NONE;
let asking: AbortController | undefined;
let unwatch = (): void => undefined;
const listeners = new Set<() => void>();

/** The names of the server's models, the default first; none until it has told, or where it does not tell. */
export function useModels(): readonly string[] {
  return useSyncExternalStore(subscribe, () => known);
}

/** The model to name in a request: the chosen one, unless the server is known not to have it any more. */
export function modelToAsk(chosen: string | undefined): string | undefined {
  return chosen !== undefined && (known.length === 0 || known.includes(chosen)) ? chosen : undefined;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) begin(chatServer);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    asking?.abort();
    unwatch();
  };
}

/** Asks the server for its models. Never throws; where it does not tell, those that are known stay. */
export async function askForModels(server: ChatServer = chatServer): Promise<void> {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const models = await listModels(signal, server);
  if (signal.aborted || models.length === 0) return;
  known = models;
  for (const listener of [...listeners]) listener();
}

/** Asks now, and again each time the server comes back: it may be another one then. */
function begin(server: ChatServer): void {
  const ask = (): void => {
    if (!server.watch.isGone) void askForModels(server);
  };
  unwatch = server.watch.subscribe(ask);
  ask();
}
