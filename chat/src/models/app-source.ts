import { parseModels } from "./catalog.ts";
import type { ModelSource } from "./catalog-entry.ts";

/**
 * What an app of the chat is to run: the model whose name is the query of its module's address.
 *
 * @param address the module's `import.meta.url`.
 * @throws Error where `CHAT_MODELS` has no such model, which it has whenever the chat's own config started the app.
 */
export function sourceOf(address: string, env: NodeJS.ProcessEnv): ModelSource {
  const name = decodeURIComponent(new URL(address).search.slice(1));
  const model = parseModels(env["CHAT_MODELS"], process.cwd()).models.find((each) => each.name === name);
  if (model?.source === undefined) throw new Error(`CHAT_MODELS has no model ${JSON.stringify(name)}`);
  return model.source;
}
