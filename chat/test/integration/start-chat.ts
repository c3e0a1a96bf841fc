import { fileURLToPath } from "node:url";
import { type RunningServer, startServer } from "../../../server/test/integration/harness.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));

/** A chat server in processes of its own. */
export type Chat = RunningServer;

/** What to start the chat with besides its own configuration. */
export interface ChatOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it is started. Default: the folder of its configuration. */
  readonly cwd?: string;
}

/** What the command is given at least. */
export const startChatArgs = [`${DIST}main.js`, "-c", `${DIST}tsunicorn.config.js`, "--workers", "1"];

/** Starts the built chat on a free port, with one HTTP worker, and waits until it listens. */
export function startChat({ args = [], env = {}, cwd = DIST }: ChatOptions = {}): Promise<Chat> {
  return startServer({ args: [...startChatArgs, ...args], env, cwd });
}
