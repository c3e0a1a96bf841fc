import { parseAppSpec } from "../config/app-spec.ts";
import type { DirtyApp } from "./app.ts";
import { type CallOptions, checkOptions } from "./call-options.ts";
import { host } from "./client.ts";
import { DirtyCall } from "./dirty-call.ts";
import type { DirtyAppClient } from "./types.ts";

// Asked of every object by await, JSON.stringify and the like. Answered with a function, the client would
// look like a promise, and returning it from an async function would call the action "then".
const NO_ACTIONS = new Set(["then", "catch", "finally", "toJSON"]);

/**
 * A client for one dirty app, typed by its class; nothing of the class is imported at run time.
 *
 * ```ts
 * const chat = dirty<ChatApp>("./chat-app.ts:ChatApp");
 * for await (const token of chat.with({ signal }).generate("hello")) process.stdout.write(token);
 * const count = await chat.countTokens("hello");
 * ```
 * @param spec `PATH:Class` as in `dirtyApps`, relative to `chdir`.
 * @throws Error when the spec has another form.
 */
export function dirty<A extends DirtyApp>(spec: string): DirtyAppClient<A> {
  // Said now, and where the mistake is. Its name is up to the other side, which is known with the first call.
  parseAppSpec(spec);
  return client(spec, {}) as DirtyAppClient<A>;
}

function client(spec: string, options: CallOptions): object {
  const bind = (more: CallOptions): object => client(spec, { ...options, ...checkOptions(more) });
  return new Proxy(
    {},
    {
      get(_target, name) {
        if (typeof name === "symbol" || NO_ACTIONS.has(name)) return undefined;
        if (name === "with") return bind;
        return (...args: unknown[]) => {
          const side = host();
          return new DirtyCall(side, { app: side.nameOf(spec), action: name, args }, options);
        };
      },
    },
  );
}
