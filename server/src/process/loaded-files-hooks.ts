/** The hooks of `reportLoadedFiles` for a Node without `registerHooks`: they run in a thread of Node's own. */
import type { MessagePort } from "node:worker_threads";

/** What a resolving hook is told. */
export interface ResolveContext {
  /** The module that imports. */
  readonly parentURL?: string | undefined;
}

/** What was found for a specifier, now or later. */
type Found = { readonly url: string };

let port: MessagePort | undefined;

/** Called by Node with what `register` was given. */
export function initialize(data: { port: MessagePort }): void {
  port = data.port;
}

/** Called by Node for each import. */
export async function resolve(
  specifier: string,
  context: ResolveContext,
  next: (specifier: string, context: ResolveContext) => Promise<Found>,
): Promise<Found> {
  try {
    const found = await next(specifier, context);
    port?.postMessage(found.url);
    return found;
  } catch (error) {
    port?.postMessage(missing(specifier, context));
    throw error;
  }
}

/** The file that was meant and is not there; empty where that cannot be known. */
export function missing(specifier: string, { parentURL }: ResolveContext): string {
  if (!/^(\.{0,2}\/|file:)/.test(specifier) || !URL.canParse(specifier, parentURL)) return "";
  return new URL(specifier, parentURL).href;
}
