import path from "node:path";

/** A model that can be asked for by its name. */
export interface CatalogModel {
  readonly name: string;
  /** The dirty app that runs it, as in the setting `dirtyApps`. */
  readonly app: string;
  /** What its app runs, where it is one of the chat's own: a file, a folder, or an upstream's name for it. Or Gunicorn's. */
  readonly source?: ModelSource;
  /** How many workers it has, where it is one of the chat's own and its entry says so. */
  readonly workers?: number;
}

/** What one of the chat's own apps is to run. */
export interface ModelSource {
  readonly kind: "simulated" | "llama" | "transformers" | "openai" | "gunicorn";
  /** The file's or folder's absolute path, the upstream's name, or Gunicorn's for the app; empty where there is nothing to say. */
  readonly of: string;
}

interface Kind {
  readonly kind: ModelSource["kind"];
  /** Its app, relative to the chat's own folder; undefined where the app is what stands behind the colon. */
  readonly file?: string;
  readonly className?: string;
  /** What stands behind the colon, as a message writes it; undefined where nothing does. */
  readonly of?: string;
  /** Whether that is a path. */
  readonly isPath?: boolean;
}

const KINDS: readonly Kind[] = [
  { kind: "simulated", file: "./chat-app.ts", className: "ChatApp" },
  { kind: "llama", file: "./models/llama-app.ts", className: "LlamaApp", of: "FILE.gguf", isPath: true },
  {
    kind: "transformers",
    file: "./models/transformers-app.ts",
    className: "TransformersApp",
    of: "FOLDER",
    isPath: true,
  },
  { kind: "openai", file: "./models/openai-app.ts", className: "OpenAiApp", of: "MODEL" },
  { kind: "gunicorn", of: "MODULE:Class" },
];

const FORMS = [
  ...KINDS.map(({ kind, of }) => (of === undefined ? kind : `${kind}:${of}`)),
  "NAME=PATH:Class",
];

/** How Gunicorn names a dirty app. */
const GUNICORNS = /^[\p{L}\p{N}_.]+:[\p{L}\p{N}_]+$/u;

// What OpenAI's and others' names are made of, as in `llama3.1:8b` or `org/model@v2`.
const NAME = /^[\w.:/@-]{1,100}$/;
// A number of workers behind the rest, as in a dirty app's spec.
const COUNTED = /^(.*):(\d{1,4})$/;

/**
 * Reads one entry of `CHAT_MODELS`.
 *
 * @param folder the folder that paths are relative to, absolute.
 * @throws Error that says what is wrong with it, and how to write it.
 */
export function parseEntry(entry: string, folder: string): CatalogModel {
  const at = entry.indexOf("=");
  const given = at === -1 ? undefined : entry.slice(0, at).trim();
  const what = entry.slice(at + 1).trim();
  if (given === "" || (given === undefined && what === ""))
    throw new Error(`an entry has no name; write ${FORMS.join(" or ")}, with commas between`);
  if (given !== undefined) checkName(given);
  const found = parseSource(what, folder);
  if (found === undefined) {
    if (given !== undefined) return { name: given, app: absoluteSpec(given, what, folder) };
    throw new Error(`no model ${JSON.stringify(what)} is built in; write ${FORMS.join(" or ")}`);
  }
  const { source, workers } = found;
  const name = given ?? nameOf(source);
  checkName(name);
  const app = appOf(name, source);
  return workers === undefined ? { name, app, source } : { name, app: `${app}:${workers}`, source, workers };
}

/** An entry as {@link parseEntry} reads it, from any folder. */
export function writeEntry({ name, app, source, workers }: CatalogModel): string {
  if (source === undefined) return `${name}=${app}`;
  const what = source.of === "" ? source.kind : `${source.kind}:${source.of}`;
  if (workers !== undefined) return `${name}=${what}:${workers}`;
  return name === what ? name : `${name}=${what}`;
}

function parseSource(
  text: string,
  folder: string,
): { readonly source: ModelSource; readonly workers?: number } | undefined {
  const [word = ""] = text.split(":", 1);
  const found = KINDS.find(({ kind }) => kind === word);
  if (found === undefined) return undefined;
  const { kind, of: form, isPath = false } = found;
  // An upstream's name may end in a number itself, as `phi:14`.
  const counted = form === undefined || isPath ? COUNTED.exec(text) : null;
  const workers = counted === null ? {} : { workers: Number(counted[2]) };
  const of = (counted?.[1] ?? text).slice(word.length + 1).trim();
  if (form === undefined) return of === "" ? { source: { kind, of }, ...workers } : undefined;
  if (of === "") throw new Error(`${JSON.stringify(text)} does not say what; write ${kind}:${form}`);
  if (kind === "gunicorn" && !GUNICORNS.test(of)) {
    throw new Error(`${JSON.stringify(text)} names no app of a Gunicorn; write ${kind}:${form}`);
  }
  return { source: { kind, of: isPath ? path.resolve(folder, of) : of }, ...workers };
}

function nameOf({ kind, of }: ModelSource): string {
  if (of === "") return kind;
  if (kind === "transformers") return path.basename(of);
  return kind === "llama" ? path.basename(of, ".gguf") : of;
}

// Each model is an app of its own, with workers and a queue of its own. The class is the same, so a query tells them
// apart, and `tsunicorn ctl show apps` shows the model's name in it.
function appOf(name: string, { kind, of }: ModelSource): string {
  const found = KINDS.find((each) => each.kind === kind);
  if (found === undefined) throw new Error(`no app runs ${kind}`);
  if (found.file === undefined) return of;
  const query = name === kind && of === "" ? "" : `?${encodeURIComponent(name)}`;
  return `${found.file}${query}:${found.className}`;
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new Error(
    `${JSON.stringify(name)} cannot be a name: it may have letters, digits and . : / @ _ -; write NAME=…`,
  );
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
