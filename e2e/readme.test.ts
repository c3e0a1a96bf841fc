import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../server/test/integration/free-port.ts";
import { ask, type Chat, startChat } from "./support/chat.ts";
import { Command, repository, runCommand } from "./support/command.ts";
import {
  blocks,
  commandsOf,
  curlExamples,
  filesOf,
  hasCurl,
  NO_CURL,
  outputPattern,
  page,
  section,
  shell,
} from "./support/examples.ts";
import { waitFor } from "./support/wait.ts";

const CHAT = section("README.md", "Try it");
const OWN = section("README.md", "Write your own");
const README_PORT = "localhost:8000";

describe("the README's chat", () => {
  let chat: Chat;
  const examples = curlExamples(CHAT).map((example) => ({
    ...example,
    path: /localhost:8000(\S+)/.exec(example.command)?.[1],
  }));

  beforeAll(async () => {
    chat = await startChat({ CHAT_TOKEN_DELAY_MS: "0" }, "--workers", "1");
  });

  afterAll(() => chat?.stop());

  it("is asked twice: for a stream, and in one piece", () => {
    expect(examples.map(({ path }) => path)).toEqual(["/chat", "/chat/sync"]);
  });

  it.for(examples)("answers curl on $path as the README says", async ({ command, output }, { skip }) => {
    skip(!hasCurl, NO_CURL);
    const printed = await shell(command.replace(README_PORT, new URL(chat.url).host), repository);
    expect(printed).toMatch(outputPattern(output));
  });

  it("serves every path that the README names", async () => {
    const paths = [...CHAT.matchAll(/`(\/[\w.]+)`/g)].map(([, path = ""]) => path);
    expect(paths).toContain("/openapi.json");
    const answers = await Promise.all(paths.map((path) => fetch(`${chat.url}${path}`)));
    expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
  });

  it("has an answer of its own for each word that the README names", async () => {
    const words = /it knows (.*?), and says/s.exec(CHAT)?.[1]?.match(/\w+(?=`)/g) ?? [];
    expect(words).toHaveLength(4);
    const answers = await Promise.all([...words, "zebra"].map((word) => ask(chat.url, word)));
    expect(new Set(answers).size).toBe(5);
  });
});

describe("the README's server of one's own", () => {
  let folder: string;
  const files = filesOf(OWN);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tsunicorn-readme-"));
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    // What `npm install PATH/server tsx` does.
    mkdirSync(join(folder, "node_modules/.bin"), { recursive: true });
    symlinkSync(join(repository, "server"), join(folder, "node_modules/tsunicorn"));
    symlinkSync("../tsunicorn/bin/tsunicorn.mjs", join(folder, "node_modules/.bin/tsunicorn"));
    symlinkSync(join(repository, "node_modules/tsx"), join(folder, "node_modules/tsx"));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is three files", () => {
    expect([...files.keys()]).toEqual(["shout-app.ts", "main.ts", "tsunicorn.config.ts"]);
  });

  it("passes the compiler's strict checks", async () => {
    const config = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        target: "ES2023",
        lib: ["ES2023"],
        module: "NodeNext",
        allowImportingTsExtensions: true,
        skipLibCheck: true,
        types: ["node"],
        typeRoots: [join(repository, "node_modules/@types")],
      },
      files: [...files.keys()],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(repository, "node_modules/typescript/bin/tsc");
    expect(await runCommand(process.execPath, [tsc, "--project", "."], { cwd: folder })).toBe("");
  });

  it("starts and answers as the README says, and ends on Ctrl-C", async ({ skip }) => {
    skip(!hasCurl, NO_CURL);
    const port = await freePort();
    const [start = "", ...more] = commandsOf(OWN);
    const [example, ...others] = curlExamples(OWN);
    expect([more, others]).toEqual([[example?.command], []]);
    const server = new Command("sh", ["-c", `exec ${start} --bind 127.0.0.1:${port}`], { cwd: folder });
    try {
      await waitFor("the server to listen", () => {
        if (!server.isRunning) throw new Error(`the server ended:\n${server.output}`);
        return server.output.includes("listening on");
      });
      const printed = await shell(example?.command.replace(README_PORT, `localhost:${port}`) ?? "", folder);
      expect(printed).toMatch(outputPattern(example?.output ?? ""));
      server.signalGroup("SIGINT");
      await server.ended;
      expect(server.output).toMatch(/stopped"\}\n$/);
    } finally {
      server.clear();
    }
  });

  it("is shown by the package's own README, too", () => {
    expect(blocks(page("server/README.md"))).toEqual(blocks(OWN));
  });
});

describe("docs/deployment.md", () => {
  it("starts the chat with settings that are good", async () => {
    const [start, ...others] = commandsOf(section("docs/deployment.md", "Without a container"));
    expect(others).toEqual([]);
    expect(await shell(`${start} --check-config`, repository)).toBe("configuration is valid\n");
  });
});

describe("deploy/systemd/tsunicorn.service", () => {
  it("starts the chat with settings that are good", async () => {
    const unit = page("deploy/systemd/tsunicorn.service").replaceAll("\\\n", "");
    const start = /^ExecStart=(.+)$/m.exec(unit)?.[1] ?? "";
    const here = start.replace("/usr/bin/node", process.execPath).replaceAll("/opt/tsunicorn", repository);
    expect(await shell(`${here} --check-config`, repository)).toBe("configuration is valid\n");
  });
});
