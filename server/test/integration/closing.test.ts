/** A `close()` that hangs does not hold up a stop for ever, and the log says that it was it. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NO_PYTHON, PYTHON } from "../python/python.ts";
import { eventually, type RunningServer, removeFolder, startServer, temporaryFolder } from "./harness.ts";

const MAIN = "export default (request, response) => response.end('yes');";

const APP = `
import { DirtyApp } from "tsunicorn";
export class Waits extends DirtyApp { close() { return new Promise((resolve) => setTimeout(resolve, 300_000)); } }
export class Spins extends DirtyApp { close() { for (;;); } }
`;

const PYTHON_APP = `
import time
class Waits:
  def close(self):
    time.sleep(300)
`;

const APPS = [
  { how: "waits", app: "app:Waits", spec: "./app.mjs:Waits", missing: undefined },
  { how: "spins", app: "app:Spins", spec: "./app.mjs:Spins", missing: undefined },
  { how: "waits in Python", app: "python:closing:Waits", spec: "python:closing:Waits", missing: NO_PYTHON },
];
/** Those that can run here. */
const RUN = APPS.filter(({ missing }) => missing === undefined);

let server: RunningServer | undefined;
let folder = "";

/** Starts a server with a worker for each app. Idle, they have these seconds, and one more where the arbiter lives. */
async function start(grace: string): Promise<RunningServer> {
  folder = temporaryFolder({ "main.mjs": MAIN, "app.mjs": APP, "closing.py": PYTHON_APP });
  const specs = RUN.flatMap(({ spec }) => ["--dirty-app", spec]);
  const times = ["--graceful-timeout", grace, "--dirty-graceful-timeout", grace, "--dirty-abort-grace", "0"];
  server = await startServer({
    args: ["main.mjs", "--python", PYTHON, "--dirty-own-workers", ...specs, ...times],
    cwd: folder,
  });
  return server;
}

async function stop(): Promise<void> {
  await server?.stop();
  removeFolder(folder);
}

/** The process id of an app's worker. */
function workerOf(app: string): string {
  return new RegExp(`dirty worker (\\d+) is ready with ${app}"`).exec(server?.log() ?? "")?.[1] ?? "";
}

/** The messages of the log's lines at a level. */
function said(level: string): string[] {
  const lines = server?.log().match(new RegExp(`^\\{"level":"${level}".*\\}$`, "gm")) ?? [];
  return lines.map((line) => JSON.parse(line).msg);
}

describe("a worker that is killed as it stops", () => {
  beforeAll(async () => {
    const running = await start("2");
    running.signal("SIGTERM");
    expect(await running.exited()).toMatchObject({ code: 0 });
  });

  afterAll(stop);

  test.for(APPS)("is told to have been in a close() that $how", ({ app, missing }, { skip }) => {
    if (missing !== undefined) skip(missing);
    const told = said("error").find((line) => line.startsWith(`dirty worker ${workerOf(app)} is killed: `));
    expect(told).toContain(`close() of the dirty app ${app} has not ended after `);
    expect(told).toMatch(/ \d\.\d s; give what it waits for a time limit, or raise dirtyGracefulTimeout$/);
  });
});

describe("a worker that is killed when the arbiter is gone", () => {
  beforeAll(async () => {
    const running = await start("4");
    running.signal("SIGKILL");
    await eventually("the last one says that it kills them", () => said("error").length >= RUN.length);
  });

  afterAll(stop);

  test.for(APPS)("has told that it is in a close() that $how", ({ app, missing }, { skip }) => {
    if (missing !== undefined) skip(missing);
    expect(said("warn")).toContain(
      `close() of the dirty app ${app} is called; 4 s after the arbiter's end this process is killed`,
    );
    expect(said("error")).toContain(
      `process ${workerOf(app)} is killed: it has not ended 4 s after the arbiter`,
    );
  });
});
