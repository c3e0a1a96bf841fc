/** The command, speaking over a real socket to a server that exists only as what is seen of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/arbiter/control-commands.ts";
import { ControlServer } from "../../src/arbiter/control-server.ts";
import { hasRenderer } from "../../src/cli/ctl-render.ts";
import { run } from "../../src/cli/run.ts";
import { loadConfig } from "../../src/config/load.ts";
import { FakeTarget } from "../arbiter/fake-target.ts";

let temporary: string;
let open: { close(): void }[];

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "ts-"));
  open = [];
});

afterEach(() => {
  for (const one of open) one.close();
  rmSync(temporary, { recursive: true, force: true });
});

/** A server in its private folder. */
async function serve(target: FakeTarget, folder = "tsunicorn-a"): Promise<string> {
  mkdirSync(join(temporary, folder));
  const path = join(temporary, folder, "control.sock");
  open.push(await ControlServer.open(path, target));
  return path;
}

/** Runs the command; in what it printed, `@` stands for the folder of temporary files. */
async function ctl(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  let out = "";
  let error = "";
  const code = await run(["ctl", ...args], {
    env,
    cwd: temporary,
    temporary,
    load: loadConfig,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
  });
  return { code, out: out.replaceAll(temporary, "@"), error: error.replaceAll(temporary, "@") };
}

const HELP = "Try tsunicorn ctl --help\n";

describe("the only server of this user", () => {
  let target: FakeTarget;

  beforeEach(async () => {
    target = new FakeTarget();
    await serve(target);
  });

  test("is found, and shown in tables", async () => {
    const { code, out, error } = await ctl(["show", "workers"]);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(out).toBe(
      [
        "PID  STATE       AGE  REQUESTS  IN PROGRESS  CONNECTIONS  MEMORY  LOOP  GEN",
        "101  ready     1m00s     1,234            2            3  60 MiB   13%    1",
        "102  starting  1m00s         -            -            -       -     -    1",
        "",
      ].join("\n"),
    );
  });

  test("is shown whole, in lines for a terminal of 100 columns", async () => {
    const { out } = await ctl(["show", "all"]);
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    for (const part of ["shop, process 100", "HTTP workers", "Dirty side", "Streams", "(dirty arbiter)"])
      expect(out).toContain(part);
    expect(out).toContain("restarts       dirty worker hung run: 2\n");
    expect(out).toMatch(/^ +chat:Chat +2 +1,024 +1\.3s +30s +3s$/m);
    expect(out).toMatch(/^ +104 +running +1m02s +3m59s +77 +chat:Chat$/m);
  });

  test("says in its state what is not right", async () => {
    target.reports.delete(101);
    const [first, ...others] = target.fleet.children;
    if (first !== undefined)
      target.fleet = {
        ...target.fleet,
        children: [{ ...first, heardAt: Date.now() - 12_000 }, ...others],
      };
    expect((await ctl(["show", "workers"])).out).toContain("ready, no answer, silent 12s");
    target.reports.delete(103);
    expect((await ctl(["show", "all"])).out).toMatch(/^Queues\n {2}The dirty arbiter does not answer\.$/m);
  });

  test("is shown as one JSON document for scripts", async () => {
    for (const { name } of COMMANDS.filter((command) => command.name.startsWith("show "))) {
      const { code, out } = await ctl([...name.split(" "), "--json"]);
      expect(code).toBe(0);
      expect(Object.keys(JSON.parse(out)).length).toBeGreaterThan(0);
    }
    const { out } = await ctl(["--json", "worker", "add", "2"]);
    expect(JSON.parse(out)).toEqual({ kind: "http-worker", target: 4 });
  });

  test.each([
    ["worker add", "3 HTTP workers from now on.\n"],
    ["dirty add 2", "3 dirty workers from now on.\n"],
    ["dirty add 2 chat", "3 dirty workers of chat from now on.\n"],
    ["worker kill 101", "HTTP worker 101 was killed; another takes its place.\n"],
    ["dirty kill 103", "dirty arbiter 103 was killed; another takes its place.\n"],
    ["reopen", "The log files are open again.\n"],
    ["shutdown", "The server stops; requests in progress may finish.\n"],
    ["shutdown quick", "The server stops at once.\n"],
    ["ping", "shop, process 100: running, up 3m12s\n"],
  ])("carries out %s, and says so", async (line, said) => {
    expect(await ctl(line.split(" "))).toEqual({ code: 0, out: said, error: "" });
  });

  test("reloads; the command waits, and says for what", async () => {
    const { code, out, error } = await ctl(["reload"]);
    expect({ code, out }).toEqual({ code: 0, out: "generation 2 serves\n" });
    expect(error).toMatch(/^waiting until the new workers have loaded their apps, 420 s at most\n$/);
    expect(target.done).toEqual(["reload"]);
  });

  test("refuses: the reason is on standard error, and the exit code is 1", async () => {
    target.refusal = "the apps need three";
    const expected = { code: 1, out: "", error: "tsunicorn ctl: the apps need three\n" };
    expect(await ctl(["dirty", "remove", "2"])).toEqual(expected);
    expect(await ctl(["dirty", "remove", "2", "--json"])).toEqual(expected);
  });

  test.each([
    [["show", "wokers"], "unknown command: show wokers (did you mean show workers?)"],
    [[], "no command was given"],
    [["worker", "add", "many"], '"many" is not a number from 1 to 1000'],
    [["--pid", "me", "ping"], '--pid: "me" is not a process id'],
    [["--pid", "1", "--socket", "x", "ping"], "give one of --pid, --socket and --config"],
  ])("is not asked what makes no sense: %j", async (args, reason) => {
    expect(await ctl(args)).toEqual({ code: 2, out: "", error: `tsunicorn ctl: ${reason}\n${HELP}` });
  });

  test("is not asked with a flag that does not exist", async () => {
    const { code, error } = await ctl(["--jsn", "ping"]);
    expect(code).toBe(2);
    expect(error).toMatch(/^tsunicorn ctl: Unknown option '--jsn'.*\n.*--help\n$/);
  });
});

describe("among several servers", () => {
  beforeEach(async () => {
    await serve(new FakeTarget({ config: join(temporary, "shop.config.ts") }));
    const other = new FakeTarget({ name: "chat" });
    other.fleet = { ...other.fleet, pid: 200, startedAt: Date.now() - 4000 };
    await serve(other, "tsunicorn-b");
  });

  test("one must be chosen: they are listed", async () => {
    expect(await ctl(["ping"])).toEqual({
      code: 2,
      out: "",
      error: [
        "tsunicorn ctl: 2 servers are running; choose with --pid PID:",
        "  PID  NAME     UP  CONFIG FILE",
        "  100  shop  3m12s  @/shop.config.ts",
        "  200  chat     4s  no config file",
        "",
      ].join("\n"),
    });
  });

  test.each([
    [["--pid", "200"], {}, "chat"],
    [["--socket", "tsunicorn-b/control.sock"], {}, "chat"],
    [["-c", "shop.config.ts"], {}, "shop"],
    [[], { TSUNICORN_CONTROL_SOCKET: "tsunicorn-b/control.sock" }, "chat"],
    [["--pid", "100"], { TSUNICORN_CONTROL_SOCKET: "tsunicorn-b/control.sock" }, "shop"],
  ])("one is chosen by %j and %j", async (args, env, name) => {
    expect((await ctl([...args, "ping"], env)).out).toMatch(name);
  });

  test("one that is not there is said not to be", async () => {
    const { code, error } = await ctl(["--pid", "300", "ping"]);
    expect(code).toBe(2);
    expect(error).toMatch(
      /^tsunicorn ctl: No server with process id 300 was found in @\. There 2 |are running/,
    );
    expect(error).toContain("  200  chat");
  });
});

test("a config file says where the socket is, also of a server that is not found by itself", async () => {
  const path = join(temporary, "mine.sock");
  open.push(await ControlServer.open(path, new FakeTarget()));
  writeFileSync(join(temporary, "c.mjs"), 'export default { controlSocket: "./mine.sock" }');
  expect((await ctl(["-c", "c.mjs", "ping"])).out).toContain("shop, process 100");
  expect((await ctl(["-c", "gone.mjs", "ping"])).code).toBe(2);
});

describe("without a server", () => {
  test("the message says where was looked, and the exit code is 2", async () => {
    expect(await ctl(["ping"])).toEqual({
      code: 2,
      out: "",
      error:
        "tsunicorn ctl: No server of this user was found in @. One with another folder for temporary files is reached with --socket PATH.\n",
    });
  });

  test("what killed servers left behind is not taken for a server", async () => {
    mkdirSync(join(temporary, "tsunicorn-dead"));
    writeFileSync(join(temporary, "tsunicorn-dead", "control.sock"), "");
    mkdirSync(join(temporary, "tsunicorn-empty"));
    writeFileSync(join(temporary, "tsunicorn-file"), "");
    expect(await ctl(["ping"])).toMatchObject({
      code: 2,
      error: expect.stringContaining("No server of this user"),
    });
  });

  test.each([
    ["nothing.sock", "There is no control socket at @/nothing.sock."],
    ["file", "No server listens at @/file: it is gone."],
  ])("a named socket without a server behind it is an error: %s", async (name, reason) => {
    writeFileSync(join(temporary, "file"), "");
    expect(await ctl(["--socket", name, "ping"])).toEqual({
      code: 2,
      out: "",
      error: `tsunicorn ctl: ${reason}\n`,
    });
  });
});

describe("a program that is not Tsunicorn answers with", () => {
  /** A server of another kind. */
  async function impostor(answer: string): Promise<void> {
    const server: Server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => socket.end(answer));
    });
    await new Promise<void>((resolve) => server.listen(join(temporary, "x.sock"), resolve));
    open.push(server);
  }

  test.each([
    ["other text than JSON", "HTTP/1.1 400 Bad Request\r\n\r\n", "The answer is not JSON"],
    ["another form", "[1]\n", "The answer has an unknown form"],
    ["nothing", "", "closed the connection without an answer"],
  ])("%s", async (_, answer, reason) => {
    await impostor(answer);
    const { code, error } = await ctl(["--socket", "x.sock", "ping"]);
    expect(code).toBe(1);
    expect(error).toContain(reason);
  });
});

test("--help names every command and every option", async () => {
  const { code, out } = await ctl(["--help"]);
  expect(code).toBe(0);
  for (const { name, argument, help } of COMMANDS)
    expect(out).toContain(`\n  ${[name, argument].filter(Boolean).join(" ").padEnd(25)}  ${help}\n`);
  for (const flag of ["--pid", "--socket", "--config", "--json", "--help"]) expect(out).toContain(flag);
  expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
});

test("every command's result has a form for people", () => {
  expect(COMMANDS.filter(({ name }) => !hasRenderer(name))).toEqual([]);
});
