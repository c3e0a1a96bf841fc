/** Workers that have no file descriptors left. */
import { readdirSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NO_PYTHON } from "../python/python.ts";
import { temporaryOf } from "./ctl-command.ts";
import { eventually, type RunningServer, removeFolder, startServer, temporaryFolder } from "./harness.ts";

// A worker takes connections for as long as it has descriptors: here it uses up the most of them itself.
const HOLDER = `import { closeSync, openSync } from "node:fs";
  const held = [];
  export function hold() { try { for (;;) held.push(openSync("/dev/null", "r")); } catch { return "held"; } }
  export function free() { for (const fd of held.splice(0)) closeSync(fd); return "free"; }`;

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  folder = temporaryFolder({
    "holder.mjs": HOLDER,
    "main.mjs": `import { getDirtyClient } from "tsunicorn";
      import * as holder from "./holder.mjs";
      const APPS = { node: "./app.mjs:App", python: "python:apps:App" };
      export default async ({ url }, response) => {
        const [, where, action] = url.split("/");
        response.end(where === "http" ? holder[action]() : await getDirtyClient().execute(APPS[where], action));
      };`,
    "app.mjs": `import { DirtyApp } from "tsunicorn";
      import * as holder from "./holder.mjs";
      export class App extends DirtyApp { hold() { return holder.hold(); } free() { return holder.free(); } }`,
    "apps.py": `import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
held = []
class App:
    def hold(self):
        try:
            while True: held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return "held"
    def free(self):
        while held: os.close(held.pop())
        return "free"
`,
  });
  const python = NO_PYTHON === undefined ? ["--dirty-app", "python:apps:App"] : [];
  server = await startServer({
    args: ["main.mjs", "--dirty-app", "./app.mjs:App", ...python],
    cwd: folder,
  });
});

afterAll(async () => {
  await server.stop();
  removeFolder(folder);
});

test.for(["http", "node", "python"])(
  "a worker (%s) says so once, and once when it is over",
  async (kind, { skip }) => {
    if (kind === "python" && NO_PYTHON !== undefined) skip(NO_PYTHON);
    const lines = (text: string) => server.log().split(text).length - 1;
    const left = lines("no file descriptors left");
    const again = lines("file descriptors again, after");
    // The connection on which it is told to free them is there before.
    const socket = net.connect(server.port, "127.0.0.1").resume();
    const ask = (action: string) =>
      socket.write(`GET /${kind}/${action} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    ask("hold");
    await eventually("it says so", () => lines("no file descriptors left") > left);
    const temporary = temporaryOf(server);
    const workers = readdirSync(temporary, { recursive: true, encoding: "utf8" }).filter((name) =>
      /\bw\d+\.sock$/.test(name),
    );
    for (let n = 0; n < 20; n++) {
      net.connect(server.port, "127.0.0.1").on("error", () => {});
      for (const name of workers) net.connect(join(temporary, name)).on("error", () => {});
    }
    ask("free");
    await eventually("it says that it is over", () => lines("file descriptors again, after") > again);
    await eventually("it serves", () =>
      fetch(`${server.url}/${kind}/free`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
    expect(lines("no file descriptors left")).toBe(left + 1);
    expect(lines("file descriptors again, after")).toBe(again + 1);
    expect(server.log()).not.toContain("socket.accept");
    socket.destroy();
  },
);
