import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, type Chat, startChat } from "./support/chat.ts";
import { repository, runCommand } from "./support/command.ts";
import { blocks, filesOf, hasCurl, NO_CURL, outputPattern, page, shell } from "./support/examples.ts";

const PAGE = page("docs/streams.md");
const TSX = import.meta.resolve("tsx");

/** A connection to the chat that breaks now and then: after as many bytes of an answer as `cuts` says. */
async function brittleProxy(
  port: number,
  cuts: number[],
): Promise<{ server: Server; connections: () => number }> {
  let connections = 0;
  const server = createServer((client) => {
    connections++;
    let left = cuts.shift() ?? Number.POSITIVE_INFINITY;
    const chat = connect(port, "127.0.0.1");
    const cut = () => {
      client.destroy();
      chat.destroy();
    };
    client
      .on("error", cut)
      .on("close", cut)
      .on("data", (data) => chat.write(data));
    chat
      .on("error", cut)
      .on("close", cut)
      .on("data", (data) => {
        client.write(data.subarray(0, left));
        left -= data.length;
        // What was written before goes out first.
        if (left <= 0) client.end(() => client.resetAndDestroy());
      });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, connections: () => connections };
}

describe("docs/streams.md", () => {
  let chat: Chat;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tsunicorn-streams-"));
    for (const [name, text] of filesOf(PAGE)) writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, "package.json"), '{"type": "module"}');
    chat = await startChat({ CHAT_TOKEN_DELAY_MS: "1-5" }, "--workers", "2");
  });

  afterAll(async () => {
    await chat?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("loses, resumes and cancels an answer with curl as it says", async ({ skip }) => {
    skip(!hasCurl, NO_CURL);
    const all = blocks(PAGE);
    const shown = all.flatMap(({ language, text }, index) =>
      language === "bash" ? [{ command: text, output: all[index + 1]?.text ?? "" }] : [],
    );
    expect(shown).toHaveLength(3);
    // One shell for all of them, as a reader has: the last two use what the first has found.
    const script = shown.map(({ command }) => command.replaceAll("localhost:8000", new URL(chat.url).host));
    const printed = await shell(script.join("\n"), folder);
    expect(printed).toMatch(outputPattern(shown.map(({ output }) => output).join("")));
  });

  it("shows a client that the compiler's strict checks pass", async () => {
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: "ES2023",
      lib: ["ES2023"],
      module: "NodeNext",
      skipLibCheck: true,
      types: ["node"],
      typeRoots: [join(repository, "node_modules/@types")],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["resume.ts"] }));
    const tsc = join(repository, "node_modules/typescript/bin/tsc");
    expect(await runCommand(process.execPath, [tsc, "--project", "."], { cwd: folder })).toBe("");
  });

  it("shows a client that gets a whole answer over connections that break", async () => {
    // The headers of an answer are some 300 bytes, a token about 40. Which bytes are the last ones is chance.
    const cuts = Array.from({ length: 6 }, () => 600 + Math.floor(Math.random() * 2000));
    const said = `cut after ${cuts} bytes`;
    const { server, connections } = await brittleProxy(Number(new URL(chat.url).port), cuts);
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const program = `import { ask } from "./resume.ts";
let text = "";
for await (const token of ask(process.argv[2], "explain")) text += token;
process.stdout.write(text);
`;
      writeFileSync(join(folder, "main.ts"), program);
      const printed = await runCommand(process.execPath, ["--import", TSX, "main.ts", url], {
        cwd: folder,
        env: { no_proxy: "127.0.0.1" },
        deadline: 60_000,
      });
      expect(printed, said).toBe(await ask(chat.url, "explain"));
      expect(connections(), said).toBeGreaterThan(4);
    } finally {
      server.close();
    }
  });
});
