import { type CatalogModel, parseEntry, writeEntry } from "./catalog-entry.ts";

export type { CatalogModel } from "./catalog-entry.ts";

const DEFAULT = "simulated";

/** The models that the chat offers. The first is the default. */
export class ModelCatalog {
  readonly models: readonly CatalogModel[];

  /** @throws Error without models, or where two have one name. */
  constructor(models: readonly CatalogModel[]) {
    if (models.length === 0) throw new Error("there is no model");
    const names = models.map(({ name }) => name);
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined)
      throw new Error(
        `there are two models with the name ${JSON.stringify(twice)}; NAME=… gives one of them another`,
      );
    const theirs = models.filter(({ source }) => source?.kind === "gunicorn");
    if (theirs.length > 0 && theirs.length < models.length)
      throw new Error("models of a Gunicorn cannot stand beside others, since this server runs none then");
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
    return this.models.map(writeEntry).join(",");
  }
}

/**
 * Reads `CHAT_MODELS`: `KIND:WHAT`, `NAME=KIND:WHAT` and `NAME=PATH:Class`, with commas between them.
 *
 * @param text the variable; unset or empty it is `simulated`.
 * @param folder the folder that paths are relative to, absolute.
 * @throws Error that names the variable, the entry and what is wrong with it.
 */
export function parseModels(text: string | undefined, folder: string): ModelCatalog {
  try {
    return new ModelCatalog((text?.trim() || DEFAULT).split(",").map((entry) => parseEntry(entry, folder)));
  } catch (error) {
    throw new Error(`CHAT_MODELS: ${error instanceof Error ? error.message : error}`);
  }
}
