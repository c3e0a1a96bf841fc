import { join } from "node:path";
import { freePort } from "../../server/test/integration/free-port.ts";
import { Command, repository, untilReady } from "./command.ts";

/** A running chat, started as `npm start` does, from what is installed and built here. */
export interface Chat {
  readonly url: string;
  readonly command: Command;
  /** Stops it, and fails where it does not end by itself. */
  stop(): Promise<void>;
}

/**
 * Starts the chat on a free port and waits until it is ready.
 * @param env settings, such as CHAT_TOKEN_DELAY_MS
 * @param flags of the tsunicorn command
 */
export async function startChat(env: NodeJS.ProcessEnv = {}, ...flags: string[]): Promise<Chat> {
  return await startChatOn(await freePort(), env, ...flags);
}

/** Starts the chat on a port, as {@link startChat} does on a free one. */
export async function startChatOn(
  port: number,
  env: NodeJS.ProcessEnv = {},
  ...flags: string[]
): Promise<Chat> {
  const url = `http://127.0.0.1:${port}`;
  const args = [join(repository, "scripts/start.mjs"), "--bind", `127.0.0.1:${port}`, ...flags];
  const command = new Command(process.execPath, args, { cwd: repository, env });
  try {
    await untilReady(command, url);
  } catch (error) {
    command.clear();
    throw error;
  }
  const stop = async (): Promise<void> => {
    command.signal("SIGTERM");
    const timer = setTimeout(() => command.clear(), 60_000);
    const end = await command.ended;
    clearTimeout(timer);
    if (end !== 0) throw new Error(`the chat ended with ${end}:\n${command.output}`);
  };
  return { url, command, stop };
}

/** Asks the chat and returns the whole answer. */
export async function ask(url: string, prompt: string): Promise<string> {
  const response = await fetch(`${url}/chat/sync`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt }),
  });
  const body: unknown = await response.json();
  if (
    typeof body !== "object" ||
    body === null ||
    !("response" in body) ||
    typeof body.response !== "string"
  ) {
    throw new Error(`status ${response.status}: ${JSON.stringify(body)}`);
  }
  return body.response;
}
