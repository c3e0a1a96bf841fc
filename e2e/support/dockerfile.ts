import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, posix } from "node:path";

/** One instruction: its name in capitals, its flags without dashes, and the rest as written. */
export interface Instruction {
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly text: string;
}

/** One `FROM … AS …` with its instructions. */
export interface Stage {
  readonly image: string;
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** Reads a Dockerfile into its stages. Of the syntax, only what ours use: no heredocs, no variables, no ARG. */
export function parseDockerfile(text: string): Stage[] {
  const stages: { image: string; name: string; instructions: Instruction[] }[] = [];
  const lines = text.replace(/^\s*#.*\n/gm, "").replace(/\\\n/g, " ");
  for (const line of lines.split("\n")) {
    const [, name, flagText = "", rest = ""] = /^\s*([A-Za-z]+)\s+((?:--\S+\s+)*)(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const flags = Object.fromEntries(
      [...flagText.matchAll(/--([\w-]+)=(\S+)/g)].map(([, key = "", value = ""]) => [key, value]),
    );
    const instruction = { name: name.toUpperCase(), flags, text: rest.trim() };
    if (instruction.name === "FROM") {
      const [image = "", , stage = String(stages.length)] = instruction.text.split(/\s+/);
      stages.push({ image, name: stage, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`${instruction.name} stands before FROM`);
    stage.instructions.push(instruction);
  }
  return stages;
}

/** The words of an instruction in exec form, `["a", "b"]`. */
export function execForm(text: string): string[] {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words) || !words.every((word) => typeof word === "string")) {
    throw new Error(`not in exec form: ${text}`);
  }
  return words;
}

/**
 * Says which files a `.dockerignore` keeps out. Its last line that fits a path, or a folder above it, decides.
 * @returns a function of a path relative to the root, with forward slashes
 */
export function ignoredBy(text: string): (path: string) => boolean {
  const rules = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const keep = line.startsWith("!");
      const source = line
        .slice(keep ? 1 : 0)
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replaceAll("**/", "\0")
        .replaceAll("*", "[^/]*")
        .replaceAll("\0", "(?:.*/)?");
      return { keep, pattern: new RegExp(`^${source}(?:/.*)?$`) };
    });
  return (path) => {
    const last = rules.findLast(({ pattern }) => pattern.test(path));
    return last !== undefined && !last.keep;
  };
}

/** Copies what the builder would get to see: the repository less what `.dockerignore` names. */
export function copyContext(root: string, to: string, isIgnored: (path: string) => boolean): void {
  const copy = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      // Every rule for something inside these would have to name them; none does, and they are large.
      if (isIgnored(path) && ["node_modules", ".git", "dist", ".cache"].includes(entry.name)) continue;
      if (entry.isDirectory()) copy(path);
      else if (!isIgnored(path)) cpSync(join(root, path), join(to, path), { verbatimSymlinks: true });
    }
  };
  mkdirSync(to, { recursive: true });
  copy("");
}

/** Carries out a COPY: the contents of a folder, or files into a folder or onto a name. */
export function copyInto(from: string, sources: readonly string[], to: string): void {
  for (const source of sources) {
    const path = join(from, source);
    if (!existsSync(path)) throw new Error(`COPY: there is no ${source}`);
    const isFolder = statSync(path).isDirectory();
    const intoFolder = to.endsWith("/") || sources.length > 1;
    cpSync(path, isFolder || !intoFolder ? to : join(to, basename(source)), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
}

/** Reads the Dockerfile of a path. */
export function readDockerfile(path: string): Stage[] {
  return parseDockerfile(readFileSync(path, "utf8"));
}
