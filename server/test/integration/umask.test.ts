/** --umask: who may connect to a unix socket, tried by another user. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { echoServers } from "./echo-app.ts";

const start = echoServers();
const NODE = process.execPath;
/** The user `nobody`, and a group without users. */
const OTHER = 65_534;
const GROUP = 54_321;

const FILES = {
  "main.mjs":
    "import { writeFileSync } from 'node:fs'; writeFileSync('upload', ''); export default (request, response) => response.end('fine');",
};
const CONNECT = `require("node:net").connect(process.argv[1]).on("connect", () => process.exit(0)).on("error", (error) => { console.log(error.code); process.exit(1); })`;

/** Connects as a proxy of another user would. @returns why it could not, or that it could. */
function connectAs(gid: number, path: string): string {
  const { status, stdout } = spawnSync(NODE, ["-e", CONNECT, path], {
    uid: OTHER,
    gid,
    encoding: "utf8",
    timeout: 50_000,
  });
  return status === 0 ? "connected" : stdout.trim();
}

async function serve(flags: string[], group?: number) {
  const server = await start([], {
    args: ["main.mjs", "--bind", "unix:app.sock", ...flags],
    files: FILES,
    prepare: (folder) => {
      // As an administrator makes it: the group of what is in it is its own.
      if (group !== undefined) chownSync(folder, process.getuid?.() ?? 0, group);
      chmodSync(folder, group === undefined ? 0o755 : 0o2755);
    },
  });
  const path = join(server.folder, "app.sock");
  const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);
  return { server, path, mode: mode(path), upload: mode(join(server.folder, "upload")) };
}

describe("the unix sockets of bind", () => {
  test.for([
    { flags: [], mode: "755", another: "EACCES", ofGroup: "EACCES" },
    { flags: ["--umask", "0"], mode: "777", another: "connected", ofGroup: "connected" },
    { flags: ["-m", "007"], mode: "770", another: "EACCES", ofGroup: "connected" },
  ])("with $flags have mode $mode", async ({ flags, mode, another, ofGroup }, { skip }) => {
    skip(process.getuid?.() !== 0, "only root can become another user");
    skip(process.umask() !== 0o022, "the umask of the tests is not 022");
    const served = await serve(flags, GROUP);
    expect({
      mode: served.mode,
      upload: served.upload,
      another: connectAs(OTHER, served.path),
      ofGroup: connectAs(GROUP, served.path),
    }).toEqual({ mode, upload: "644", another, ofGroup });
  });
});
