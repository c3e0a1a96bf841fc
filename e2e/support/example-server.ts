import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Command, repository } from "./command.ts";
import { commandsOf, curlExamples, hasCurl, NO_CURL, outputPattern, page, shell } from "./examples.ts";
import { survivors } from "./survivors.ts";
import { waitFor } from "./wait.ts";

/** The address that the README of every example names. */
const README_ADDRESS = "localhost:8000";

/** A running example, started with the command of its README. */
export class ExampleServer {
  readonly #command: Command;
  /** A folder of the test's own. Paths from the root of the repository lead to the examples from here, too. */
  readonly folder: string;
  /** Where the server keeps what is temporary. */
  readonly #temporary: string;

  private constructor(command: Command, folder: string, temporary: string) {
    this.#command = command;
    this.folder = folder;
    this.#temporary = temporary;
  }

  /** Starts an example as its README says, on a free port. @param env settings, as the environment gives them. */
  static async start(name: string, env: NodeJS.ProcessEnv = {}): Promise<ExampleServer> {
    const [start = ""] = commandsOf(readmeOf(name));
    const folder = mkdtempSync(join(tmpdir(), "tsunicorn-example-"));
    symlinkSync(join(repository, "examples"), join(folder, "examples"));
    const temporary = mkdtempSync(join(tmpdir(), "tsunicorn-example-"));
    const command = new Command("sh", ["-c", `exec ${start} -- --bind 127.0.0.1:0`], {
      cwd: repository,
      env: { TMPDIR: temporary, ...env },
    });
    const server = new ExampleServer(command, folder, temporary);
    try {
      await server.says(/listening on http/, 60_000);
    } catch (error) {
      server.clear();
      throw error;
    }
    return server;
  }

  /** Where it listens. */
  get url(): string {
    return listeningUrl(this.log);
  }

  /** All that the server has printed, its log. */
  get log(): string {
    return this.#command.output;
  }

  /** Waits until the log says something. @param deadline milliseconds. */
  async says(pattern: RegExp, deadline = 90_000): Promise<RegExpExecArray> {
    return await waitFor(
      `${pattern} in the log`,
      () => {
        const found = pattern.exec(this.log);
        if (found === null && !this.#command.isRunning) throw new Error(`the example ended:\n${this.log}`);
        return found ?? undefined;
      },
      deadline,
    );
  }

  /** Asks the server. */
  async ask(path: string, init?: RequestInit): Promise<Response> {
    return await fetch(`${this.url}${path}`, init);
  }

  /** Posts JSON. */
  async post(path: string, body: unknown, init?: RequestInit): Promise<Response> {
    const headers = { "content-type": "application/json" };
    return await this.ask(path, { method: "POST", headers, body: JSON.stringify(body), ...init });
  }

  /** Runs a command line of the README. */
  async run(command: string): Promise<string> {
    return await shell(command.replace(README_ADDRESS, new URL(this.url).host), this.folder);
  }

  /** Asks it to end, and says what is left of it. */
  async stop(): Promise<{ code: number | string; left: string[] }> {
    this.#command.signal("SIGTERM");
    const timer = setTimeout(() => this.#command.clear(), 90_000);
    const code = await this.#command.ended;
    clearTimeout(timer);
    return { code, left: [...survivors(this.log), ...readdirSync(this.#temporary)] };
  }

  /** Removes whatever is left of it, without mercy. */
  clear(): void {
    this.#command.clear();
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(this.#temporary, { recursive: true, force: true });
  }
}

/** Where a server listens, as its log says. */
export function listeningUrl(log: string): string {
  const url = /listening on (http:[^"\s]+)/.exec(log)?.[1];
  if (url === undefined) throw new Error(`it does not listen:\n${log}`);
  return url;
}

/** The README of an example. */
export function readmeOf(name: string): string {
  return page(`examples/${name}/README.md`);
}

/**
 * The tests that every example passes: it starts with its README's command, answers its curl lines as the README says,
 * and ends on SIGTERM without a trace.
 * @param more tests of this example's own, which get its running server.
 * @param options env: settings of the server; missing: why the example cannot run on this machine.
 */
export function exampleSuite(
  name: string,
  more: (server: () => ExampleServer) => void = () => {},
  { env, missing }: { env?: NodeJS.ProcessEnv; missing?: string | undefined } = {},
): void {
  describe(`examples/${name}`, () => {
    let server: ExampleServer | undefined;
    const running = (): ExampleServer => {
      if (server === undefined) throw new Error("it has not started");
      return server;
    };

    beforeAll(async () => {
      if (missing === undefined) server = await ExampleServer.start(name, env);
    });

    beforeEach(({ skip }) => skip(missing !== undefined, missing));

    afterAll(() => server?.clear());

    it.for(curlExamples(readmeOf(name)))(
      "answers as its README says: $command",
      async ({ command, output }, { skip }) => {
        skip(!hasCurl, NO_CURL);
        expect(await running().run(command)).toMatch(outputPattern(output));
      },
    );

    more(running);

    it("ends on SIGTERM and leaves nothing behind", async () => {
      expect(await running().stop()).toEqual({ code: 0, left: [] });
    });
  });
}
