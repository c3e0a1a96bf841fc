/** --reload: a saved file takes effect, and only the workers that loaded it are replaced. */
import { readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { install } from "../install.ts";
import { ECHO_FILES, type EchoServer, echoServers } from "./echo-app.ts";
import { eventually } from "./harness.ts";
import { ask } from "./http-tools.ts";

const start = echoServers(afterAll);

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

const INDEX = new URL("../../dist/index.js", import.meta.url).href;

/** The server, which every test goes on with as the last one left it. */
let server: EchoServer;
/** What its files say now. */
const says = { main: "main", app: "app", shared: "shared", word: "word" };
let edits = 0;

beforeAll(async () => {
  server = await start([], {
    args: ["main.ts", "--reload"],
    files: FILES,
    prepare: (folder) => install(folder, "tsx"),
  });
});

/** Saves a file as an editor does: a new one takes its place. */
function save(name: string, text: string): void {
  const file = join(server.folder, name);
  writeFileSync(`${file}~`, text.replaceAll('"tsunicorn"', JSON.stringify(INDEX)));
  renameSync(`${file}~`, file);
}

/** Saves one of the files with another word in it. @param before stands before what it says. */
function edit(what: keyof typeof says, before = ""): void {
  says[what] = `${what}${++edits}`;
  const files = {
    main: ["main.ts", main(says.main)],
    app: ["app.ts", app(says.app)],
    shared: ["shared.ts", shared(says.shared)],
    word: ["word.json", JSON.stringify({ word: says.word })],
  } as const;
  const [name, text] = files[what];
  save(name, before + text);
}

/** Waits until the server answers with what the files say. @param answer what the dirty app does. */
async function answers(answer = `${says.app} ${says.shared}`): Promise<void> {
  const text = [says.main, says.shared, says.word, answer].join(" ");
  await eventually(`the answer is ${text}`, async () => {
    const answer = await ask(server.target, "/").catch(() => undefined);
    return answer?.body === text;
  });
}

const pids = (): [number[], number[]] => [server.pids("http worker"), server.pids("dirty worker")];

/** Waits until a kind of worker was replaced. */
async function replaced(kind: string, old: number[]): Promise<number[]> {
  return eventually(`another ${kind}`, () => {
    const now = server.pids(kind);
    return now.length === old.length && !now.some((pid) => old.includes(pid)) ? now : undefined;
  });
}

/** Waits until the workers are these many. */
async function settled(http = 1, dirty = 1): Promise<void> {
  await eventually(`${http} and ${dirty} are left`, () =>
    isDeepStrictEqual(
      pids().map(({ length }) => length),
      [http, dirty],
    ),
  );
}

const GIVEN_UP = /the reload is given up/g;

test("a file that is saved replaces the workers that loaded it, and no others", async () => {
  const arbiter = server.pids("dirty arbiter");
  const [http, dirty] = pids();
  await answers();

  edit("main");
  await answers();
  const http2 = await replaced("http worker", http);
  expect(server.pids("dirty worker")).toEqual(dirty);

  edit("app");
  await answers();
  const dirty2 = await replaced("dirty worker", dirty);
  expect(server.pids("http worker")).toEqual(http2);

  edit("word");
  await answers();
  const http3 = await replaced("http worker", http2);
  expect(server.pids("dirty worker")).toEqual(dirty2);

  edit("shared");
  await answers();
  await replaced("http worker", http3);
  await replaced("dirty worker", dirty2);
  expect(server.pids("dirty arbiter")).toEqual(arbiter);
});

test("a file that was only touched, and one that no worker loaded, change nothing", async () => {
  const said = server.fromNow();
  const [http, dirty] = pids();
  utimesSync(join(server.folder, "shared.ts"), new Date(), new Date());
  save("app.ts", app(says.app));
  save("unused.ts", "export {};");
  edit("main");
  await answers();
  await replaced("http worker", http);
  expect(server.pids("dirty worker")).toEqual(dirty);
  expect(said.log().match(/changed: [^"]*/g)).toEqual(["changed: main.ts"]);
});

test("broken code leaves the old workers serving, and mending it is enough", async () => {
  const said = server.fromNow();
  const givenUp = (times: number) =>
    eventually("it was tried", () => said.log().match(GIVEN_UP)?.length === times);
  const [http, dirty] = pids();
  save("main.ts", 'import "./new.ts";\nimport "./gone.ts";');
  await said.logged(
    "the reload is given up, and the old workers go on serving: the http worker cannot start",
  );
  await answers();
  await eventually("the old ones alone are left", () => isDeepStrictEqual(pids(), [http, dirty]));
  // A file that only the failed worker asked for.
  save("new.ts", "export const ( = 1;");
  save("gone.ts", "");
  await givenUp(2);
  await answers();
  edit("main", 'import "./new.ts";');
  await givenUp(3);
  save("new.ts", "export const one = 1;");
  await answers();
  await settled();
  expect(server.pids("dirty worker")).toEqual(dirty);
});

test("a page shows what is saved also while a dirty app is broken, which is loaded once it is mended", async () => {
  const said = server.fromNow();
  const [http, dirty] = pids();
  save("app.ts", "export const ( = 1;");
  await said.logged("the dirty worker cannot start");
  edit("main");
  await answers();
  const http2 = await replaced("http worker", http);
  expect(server.pids("dirty worker")).toEqual(dirty);
  expect(said.log().match(GIVEN_UP)).toHaveLength(1);
  edit("app");
  await answers();
  await replaced("dirty worker", dirty);
  expect(server.pids("http worker")).toEqual(http2);
});

describe("files of both kinds of workers are saved one after the other", () => {
  /** A module that begins with this has loaded once the file `slow` is gone. */
  const SLOW = `import { existsSync as isThere } from "node:fs";
while (isThere("slow")) await new Promise((resolve) => setTimeout(resolve, 10));
`;

  test.each([
    ["the web app while dirty workers load the new app", "app", "main", "dirty worker"],
    ["a dirty app while HTTP workers load the new web app", "main", "app", "http worker"],
  ] as const)("%s: both end on new code", async (_what, first, second, kind) => {
    writeFileSync(join(server.folder, "slow"), "");
    edit(first, SLOW);
    await eventually("the new one is being loaded", () => server.pids(kind).length === 2);
    edit(second);
    await server.fromNow().logged(/changed: (main|app)\.ts/);
    rmSync(join(server.folder, "slow"));
    await answers();
    await settled();
  });

  test("the web app while its dirty workers are gone and fail to come back: it does not wait for them", async () => {
    const said = server.fromNow();
    const [http, [doomed = 0]] = pids();
    writeFileSync(join(server.folder, "broken"), "");
    process.kill(doomed, "SIGKILL");
    await said.logged(/dirty worker \d+ failed: init\(\)/);
    edit("main");
    await replaced("http worker", http);
    await answers("failed");
    rmSync(join(server.folder, "broken"));
    await answers();
    await settled();
  });

  test("a dirty app while its web app cannot be started any more: it does not wait for that", async () => {
    const said = server.fromNow();
    const [[doomed = 0], dirty] = pids();
    writeFileSync(join(server.folder, "broken page"), "");
    process.kill(doomed, "SIGKILL");
    await said.logged(/http worker \d+ failed: The app/);
    edit("app");
    await replaced("dirty worker", dirty);
    rmSync(join(server.folder, "broken page"));
    await answers();
    await settled();
  });
});

test("a changed config file, or what it imports, is a reload with the new settings", async () => {
  const said = server.fromNow();
  const [http, dirty] = pids();
  save("name.mjs", "export const name = 'two'; export const workers = 1;");
  await said.logged("reloaded in ");
  await replaced("http worker", http);
  const dirty2 = await replaced("dirty worker", dirty);
  save("tsunicorn.config.mjs", "export default { workers: 0, dirtyApps: './app.ts:App' };");
  await said.logged("workers: 0 is not a whole number");
  expect(server.pids("dirty worker")).toEqual(dirty2);
  save("tsunicorn.config.mjs", "export default { workers: 2, dirtyApps: './app.ts:App' };");
  await settled(2, 1);
});

test("settings that were given up with a broken new app hold once the app is mended", async () => {
  const said = server.fromNow();
  save("other.ts", "export const ( = 1;");
  save(
    "tsunicorn.config.mjs",
    "export default { workers: 1, dirtyApps: ['./app.ts:App', './other.ts:Other'] };",
  );
  await said.logged("the dirty worker cannot start");
  const [http] = pids();
  says.main = "other page";
  save("main.ts", main(says.main).replaceAll("./app.ts:App", "./other.ts:Other"));
  await answers("failed");
  await replaced("http worker", http);
  save("other.ts", app("other").replace("class App", "class Other"));
  await answers(`other ${says.shared}`);
  await settled();
});

test("without --reload nothing is watched", async () => {
  const plain = await start([], { args: ["main.mjs"], files: ECHO_FILES });
  const watches = ({ pid }: EchoServer): number =>
    readdirSync(`/proc/${pid}/fdinfo`).filter((fd) =>
      readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8").includes("inotify wd:"),
    ).length;
  expect([watches(plain), watches(server)]).toEqual([0, 1]);
});
