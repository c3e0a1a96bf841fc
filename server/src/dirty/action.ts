import { APP_BASE } from "./app.ts";

const RESERVED = new Set(["init", "close", "constructor", "with", "then", "catch", "finally", "toJSON"]);

/** An app's action, to be called with the app as `this`. */
export type Action = (this: object, ...args: unknown[]) => unknown;

/**
 * Finds an action by the rules of `DirtyApp`. The name came over the wire, so nothing is reachable that
 * the app's author did not write as a method: no getter runs, and nothing of `Object` is found.
 * @returns undefined when the app has no such action.
 */
export function findAction(app: object, name: string): Action | undefined {
  if (name.startsWith("_") || RESERVED.has(name) || Object.hasOwn(app, name)) return undefined;
  let prototype: unknown = Object.getPrototypeOf(app);
  while (typeof prototype === "object" && prototype !== null && !isBase(prototype)) {
    const property = Object.getOwnPropertyDescriptor(prototype, name);
    if (property !== undefined) return typeof property.value === "function" ? property.value : undefined;
    prototype = Object.getPrototypeOf(prototype);
  }
  return undefined;
}

/** The names of the actions of an app, those of its superclasses included. */
export function actionsOf(app: object): string[] {
  const names = new Set<string>();
  let prototype: unknown = Object.getPrototypeOf(app);
  while (typeof prototype === "object" && prototype !== null && !isBase(prototype)) {
    for (const name of Object.getOwnPropertyNames(prototype)) names.add(name);
    prototype = Object.getPrototypeOf(prototype);
  }
  return [...names].filter((name) => findAction(app, name) !== undefined);
}

function isBase(prototype: object): boolean {
  return prototype === Object.prototype || Object.hasOwn(prototype, APP_BASE);
}
