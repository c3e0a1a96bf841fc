import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { plainEnvironment, repository } from "./command.ts";

/** A fenced block of code of a page. */
export interface Block {
  /** What stands behind the fence: `ts`, `bash`; empty for what a command prints. */
  readonly language: string;
  readonly text: string;
}

/** A command line of a page, with what the page says that it prints. */
export interface Example {
  readonly command: string;
  readonly output: string;
}

/** The text of a page, by its path from the root. */
export function page(path: string): string {
  return readFileSync(join(repository, path), "utf8");
}

/** The part of a page below a heading, up to the next one of its kind. */
export function section(path: string, heading: string): string {
  const found = page(path)
    .split(/^## /m)
    .find((text) => text.startsWith(`${heading}\n`));
  if (found === undefined) throw new Error(`${path} has no part "${heading}"`);
  return found;
}

/** The blocks of code of a text, in order. */
export function blocks(text: string): Block[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = "", code = ""]) => ({
    language,
    text: code,
  }));
}

/** The files that a text shows: TypeScript whose first line is a comment with their name. */
export function filesOf(text: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const { language, text: code } of blocks(text)) {
    const name = /^\/\/ ([\w.-]+\.ts)(?:, .*)?\n/.exec(code)?.[1];
    if (language === "ts" && name !== undefined) files.set(name, code);
  }
  return files;
}

/** The command lines of a text. */
export function commandsOf(text: string): string[] {
  return blocks(text)
    .filter(({ language }) => language === "bash")
    .flatMap((block) => block.text.split("\n"))
    .filter((line) => line.trim() !== "");
}

/** The curl commands of a text with the block of output that follows each. */
export function curlExamples(text: string): Example[] {
  const all = blocks(text);
  return all.flatMap((block, index) => {
    const commands = block.text.split("\n").filter((line) => line.startsWith("curl "));
    const next = all[index + 1];
    if (block.language !== "bash" || commands.length === 0) return [];
    if (commands.length > 1 || next?.language !== "") throw new Error(`no output for ${commands.join("; ")}`);
    return commands.map((command) => ({ command, output: next.text }));
  });
}

/** A pattern for what a page says that a command prints: `…` stands for anything, also over several lines. */
export function outputPattern(output: string): RegExp {
  const parts = output.trimEnd().split("…");
  return new RegExp(`^${parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("[^]+")}\\s*$`);
}

/** Runs a command line as a shell does. @returns what it printed on standard output. */
export async function shell(command: string, cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)("sh", ["-c", command], {
    cwd,
    // A proxy would be asked for servers of this machine, too.
    env: { ...plainEnvironment(), no_proxy: "localhost,127.0.0.1" },
    timeout: 60_000,
  });
  return stdout;
}

/** Whether the machine has curl. */
export const hasCurl: boolean = (process.env.PATH ?? "")
  .split(delimiter)
  .some((folder) => folder !== "" && existsSync(join(folder, "curl")));

/** Why a test is skipped without it. */
export const NO_CURL = "there is no curl";
