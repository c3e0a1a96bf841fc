import path from "node:path";

/** A model that can be asked for by its name. */
export interface CatalogModel {
  readonly name: string;
  /** The dirty app that runs it, as in the setting `dirtyApps`. */
  readonly app: string;
}

/** Those that need no more than their name. Their paths are relative to the chat's own folder. */
const BUILT_IN: ReadonlyMap<string, string> = new Map([["simulated", "./chat-app.ts:ChatApp"]]);

const DEFAULT = "simulated";

// What OpenAI's and others' names are made of, as in `llama3.1:8b` or `org/model@v2`.
const NAME = /^[\w.:/@-]{1,100}$/;

/** The models that the chat offers. The first is the default. */
export class ModelCatalog {
  readonly models: readonly CatalogModel[];

  /** @throws Error where there is none, or one name stands for two. */
  constructor(models: readonly CatalogModel[]) {
    if (models.length === 0) throw new Error("there is no model");
    const names = models.map(({ name }) => name);
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) throw new Error(`there are two models with the name ${JSON.stringify(twice)}`);
    this.models = models;
  }

  /** Their names, the default first. */
  get names(): string[] {
    return this.models.map(({ name }) => name);
  }

  /** The dirty apps that run them, each once. */
  get apps(): string[] {
    return [...new Set(this.models.map(({ app }) => app))];
  }

  /** The catalog as {@link parseModels} reads it, from any folder. */
  toString(): string {
    return this.models
      .map(({ name, app }) => (BUILT_IN.get(name) === app ? name : `${name}=${app}`))
      .join(",");
  }
}

/**
 * Reads `CHAT_MODELS`: names and `NAME=PATH:Class`, with commas between them.
 *
 * @param text the variable; unset or empty it is `simulated`.
 * @param folder the folder that paths are relative to, absolute.
 * @throws Error that names the variable, the entry and what is wrong with it.
 */
export function parseModels(text: string | undefined, folder: string): ModelCatalog {
  try {
    return new ModelCatalog((text?.trim() || DEFAULT).split(",").map((entry) => parseModel(entry, folder)));
  } catch (error) {
    throw new Error(`CHAT_MODELS: ${error instanceof Error ? error.message : error}`);
  }
}

function parseModel(entry: string, folder: string): CatalogModel {
  const at = entry.indexOf("=");
  const name = (at === -1 ? entry : entry.slice(0, at)).trim();
  if (name === "")
    throw new Error("an entry has no name; write NAME or NAME=PATH:Class, with commas between");
  if (!NAME.test(name))
    throw new Error(`${JSON.stringify(name)} is no name; it may have letters, digits and . : / @ _ -`);
  if (at !== -1) return { name, app: absoluteSpec(name, entry.slice(at + 1).trim(), folder) };
  const app = BUILT_IN.get(name);
  if (app !== undefined) return { name, app };
  const known = [...BUILT_IN.keys()].join(", ");
  throw new Error(`no model ${JSON.stringify(name)} is built in (${known} is); write ${name}=PATH:Class`);
}

// The server takes the paths of apps from the folder of the chat, which is not where the user is.
function absoluteSpec(name: string, spec: string, folder: string): string {
  const at = spec.indexOf(":");
  if (at < 1 || at === spec.length - 1)
    throw new Error(`${name} is ${JSON.stringify(spec)}; write ${name}=PATH:Class`);
  // What follows is the name of a module, which is in no folder.
  if (spec.startsWith("python:")) return spec;
  return `${path.resolve(folder, spec.slice(0, at))}${spec.slice(at)}`;
}
