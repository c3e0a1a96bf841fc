/** --reload: whoever saves a file sees what it does, and only the workers that loaded it are replaced. */
import { readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { install } from "../install.ts";
import { type EchoServer, echoServers } from "./echo-app.ts";
import { eventually } from "./harness.ts";
import { ask } from "./http-tools.ts";

const start = echoServers();

const app = (answer: string): string => `
import { existsSync } from "node:fs";
import { DirtyApp } from "tsunicorn";
import { shared } from "./shared.ts";
export class App extends DirtyApp {
  init(): void { if (existsSync("broken")) throw new Error("the model is broken"); }
  answer(): string { return "${answer} " + shared; }
}
`;
const main = (answer: string): string => `
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import type { IncomingMessage, ServerResponse } from "node:http";
import { getDirtyClient } from "tsunicorn";
import { shared } from "./shared.ts";
const { word } = createRequire(import.meta.url)("./word.json");
if (existsSync("broken page")) throw new Error("the page is broken");
export default async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = await getDirtyClient().execute("./app.ts:App", "answer").then(String, () => "failed");
  response.end(["${answer}", shared, word, answer].join(" "));
}
`;
const shared = (text: string): string => `export const shared: string = "${text}";\n`;
const FILES = {
  "package.json": '{"type":"module"}',
  "main.ts": main("main"),
  "app.ts": app("app"),
  "shared.ts": shared("shared"),
  "word.json": '{"word":"word"}',
  "tsunicorn.config.mjs":
    'import { name } from "./name.mjs"; export default { name, dirtyApps: "./app.ts:App" };',
  "name.mjs": "export const name = 'one';",
};

/** A server in development. */
async function developing(args = ["--reload"]) {
  const server = await start([], {
    args: ["main.ts", ...args],
    files: FILES,
    prepare: (folder) => install(folder, "tsx"),
  });
  const index = fileURLToPath(new URL("../../dist/index.js", import.meta.url));
  return {
    server,
    /** Saves a file as an editor does: a new one takes its place. */
    save(name: string, text: string): void {
      const file = join(server.folder, name);
      writeFileSync(`${file}~`, text.replaceAll('"tsunicorn"', JSON.stringify(`file://${index}`)));
      renameSync(`${file}~`, file);
    },
    /** Waits until the server answers with this text, and its old workers are gone. */
    async answers(text: string): Promise<void> {
      await eventually(`the answer is ${text}`, async () => {
        const answer = await ask(server.target, "/").catch(() => undefined);
        return answer?.body === text;
      });
    },
    pids: (): [number[], number[]] => [server.pids("http worker"), server.pids("dirty worker")],
    /** Waits until a kind of worker was replaced. */
    async replaced(kind: string, old: number[]): Promise<number[]> {
      return eventually(`another ${kind}`, () => {
        const now = server.pids(kind);
        return now.length === 1 && !old.includes(now[0] ?? 0) ? now : undefined;
      });
    },
  };
}

test("a file that is saved replaces the workers that loaded it, and no others", async () => {
  const { server, save, answers, pids, replaced } = await developing();
  const arbiter = server.pids("dirty arbiter");
  const [http, dirty] = pids();
  await answers("main shared word app shared");

  save("main.ts", main("MAIN"));
  await answers("MAIN shared word app shared");
  const http2 = await replaced("http worker", http);
  expect(server.pids("dirty worker")).toEqual(dirty);

  save("app.ts", app("APP"));
  await answers("MAIN shared word APP shared");
  const dirty2 = await replaced("dirty worker", dirty);
  expect(server.pids("http worker")).toEqual(http2);

  save("word.json", '{"word":"WORD"}');
  await answers("MAIN shared WORD APP shared");
  const http3 = await replaced("http worker", http2);
  expect(server.pids("dirty worker")).toEqual(dirty2);

  save("shared.ts", shared("SHARED"));
  await answers("MAIN SHARED WORD APP SHARED");
  await replaced("http worker", http3);
  await replaced("dirty worker", dirty2);
  expect(server.pids("dirty arbiter")).toEqual(arbiter);
});

test("broken code leaves the old workers serving, and mending it is enough", async () => {
  const { server, save, answers, pids } = await developing();
  const [http, dirty] = pids();
  save("main.ts", 'import "./new.ts";\nimport "./gone.ts";');
  await server.logged(
    "the reload is given up, and the old workers go on serving: the http worker cannot start",
  );
  await answers("main shared word app shared");
  await eventually("the old ones alone are left", () => isDeepStrictEqual(pids(), [http, dirty]));
  // A file that only the failed worker asked for.
  save("new.ts", "export const ( = 1;");
  save("gone.ts", "");
  await eventually("it was tried again", () => server.log().match(/the reload is given up/g)?.length === 2);
  await answers("main shared word app shared");
  save("main.ts", `import "./new.ts";${main("mended")}`);
  await eventually("it was tried again", () => server.log().match(/the reload is given up/g)?.length === 3);
  save("new.ts", "export const one = 1;");
  await answers("mended shared word app shared");
  expect(server.pids("dirty worker")).toEqual(dirty);
});

test("a page shows what is saved also while a dirty app is broken, which is loaded once it is mended", async () => {
  const { server, save, answers, pids, replaced } = await developing();
  const [http, dirty] = pids();
  save("app.ts", "export const ( = 1;");
  await server.logged("the dirty worker cannot start");
  save("main.ts", main("MAIN"));
  await answers("MAIN shared word app shared");
  const http2 = await replaced("http worker", http);
  expect(server.pids("dirty worker")).toEqual(dirty);
  expect(server.log().match(/the reload is given up/g)).toHaveLength(1);
  save("app.ts", app("APP"));
  await answers("MAIN shared word APP shared");
  await replaced("dirty worker", dirty);
  expect(server.pids("http worker")).toEqual(http2);
});

test("settings that were given up with a broken new app hold once the app is mended", async () => {
  const { server, save, answers } = await developing();
  save("other.ts", "export const ( = 1;");
  save(
    "tsunicorn.config.mjs",
    "export default { workers: 2, dirtyApps: ['./app.ts:App', './other.ts:Other'] };",
  );
  await server.logged("the dirty worker cannot start");
  save("main.ts", main("MAIN").replaceAll("./app.ts:App", "./other.ts:Other"));
  await answers("MAIN shared word failed");
  await eventually(
    "one worker serves, and the old one has ended",
    () => server.pids("http worker").length === 1,
  );
  save("other.ts", app("other").replace("class App", "class Other"));
  await answers("MAIN shared word other shared");
  await eventually("two workers serve", () => server.pids("http worker").length === 2);
});

describe("files of both kinds of workers are saved one after the other", () => {
  const SLOW = 'import { setTimeout as sleep } from "node:timers/promises"; await sleep(1500);\n';

  test("the web app while dirty workers load the new app: both end on new code", async () => {
    const { server, save, answers } = await developing();
    await answers("main shared word app shared");
    save("app.ts", SLOW + app("APP"));
    await eventually("the new app is being loaded", () => server.pids("dirty worker").length === 2);
    save("main.ts", main("MAIN"));
    await answers("MAIN shared word APP shared");
    await settled(server);
  });

  test("a dirty app while HTTP workers load the new web app: both end on new code", async () => {
    const { server, save, answers } = await developing();
    await answers("main shared word app shared");
    save("main.ts", SLOW + main("MAIN"));
    await eventually("the new web app is being loaded", () => server.pids("http worker").length === 2);
    save("app.ts", app("APP"));
    await answers("MAIN shared word APP shared");
    await settled(server);
  });

  test("the web app while its dirty workers are gone and fail to come back: nobody waits for them", async () => {
    const { server, save, answers, pids, replaced } = await developing();
    const [http, [doomed = 0]] = pids();
    writeFileSync(join(server.folder, "broken"), "");
    process.kill(doomed, "SIGKILL");
    await server.logged(/dirty worker \d+ failed: init\(\)/);
    save("main.ts", main("MAIN"));
    await replaced("http worker", http);
    await answers("MAIN shared word failed");
    rmSync(join(server.folder, "broken"));
    await answers("MAIN shared word app shared");
  });

  test("a dirty app while its web app cannot be started any more: nobody waits for that", async () => {
    const { server, save, answers, pids, replaced } = await developing();
    const [[doomed = 0], dirty] = pids();
    writeFileSync(join(server.folder, "broken page"), "");
    process.kill(doomed, "SIGKILL");
    await server.logged(/http worker \d+ failed: The app/);
    save("app.ts", app("APP"));
    await replaced("dirty worker", dirty);
    rmSync(join(server.folder, "broken page"));
    await answers("main shared word APP shared");
  });
});

/** Waits until the last of several reloads is over, and one worker of each kind is left. */
async function settled(server: EchoServer): Promise<void> {
  await server.logged("reloaded in ");
  await eventually("one of each is left", () =>
    ["http worker", "dirty worker"].every((kind) => server.pids(kind).length === 1),
  );
}

test("a changed config file, or what it imports, is a reload with the new settings", async () => {
  const { server, save, pids, replaced } = await developing();
  const [http, dirty] = pids();
  save("name.mjs", "export const name = 'two'; export const workers = 1;");
  await server.logged("reloaded in ");
  await replaced("http worker", http);
  const dirty2 = await replaced("dirty worker", dirty);
  save("tsunicorn.config.mjs", "export default { workers: 0, dirtyApps: './app.ts:App' };");
  await server.logged("workers: 0 is not a whole number");
  expect(server.pids("dirty worker")).toEqual(dirty2);
  save("tsunicorn.config.mjs", "export default { workers: 2, dirtyApps: './app.ts:App' };");
  await eventually("two workers serve", () => server.pids("http worker").length === 2);
});

test("a file that was only touched, and one that nobody loaded, change nothing", async () => {
  const { server, save, answers, pids, replaced } = await developing();
  const [http, dirty] = pids();
  utimesSync(join(server.folder, "shared.ts"), new Date(), new Date());
  save("app.ts", app("app"));
  save("other.ts", "export {};");
  save("main.ts", main("MAIN"));
  await answers("MAIN shared word app shared");
  await replaced("http worker", http);
  expect(server.pids("dirty worker")).toEqual(dirty);
  expect(server.log().match(/changed: [^"]*/g)).toEqual(["changed: main.ts"]);
});

test("without --reload nothing is watched", async () => {
  const { server } = await developing([]);
  const { server: watching } = await developing();
  const watches = ({ pid }: EchoServer): number =>
    readdirSync(`/proc/${pid}/fdinfo`).filter((fd) =>
      readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8").includes("inotify wd:"),
    ).length;
  expect([watches(server), watches(watching)]).toEqual([0, 1]);
});
