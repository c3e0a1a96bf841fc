import { didYouMean } from "../config/suggest.ts";
import type { AppStatics } from "../process/channel.ts";

/**
 * Why apps cannot be of use to those who call them: one has none of the actions that the setting `dirtyActions` names.
 *
 * @param apps what a dirty worker read from its apps' classes. An app whose actions are not known is taken as it is.
 * @returns undefined where each app has one of them.
 */
export function lackingActions(apps: readonly AppStatics[], needed: readonly string[]): string | undefined {
  if (needed.length === 0) return undefined;
  for (const { app, actions } of apps) {
    if (actions === undefined || actions.some((action) => needed.includes(action))) continue;
    const has = actions.map((action) => action + didYouMean(action, needed)).join(", ");
    return `The dirty app ${app} has none of the actions that it is asked for: give its class a method ${needed.join(" or ")}. Its actions: ${has || "none"}.`;
  }
  return undefined;
}
