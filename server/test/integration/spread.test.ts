/** HTTP workers share the connections of their sockets. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, type RunningServer, removeFolder, startServer, temporaryFolder } from "./harness.ts";
import { ask, open, type Stream, type Target } from "./http-tools.ts";

const WORKERS = 4;
const APP = `
  export default (request, response) => {
    if (request.url === "/pid") return response.setHeader("connection", "close").end(String(process.pid));
    response.write(process.pid + " ");
  };`;

let folder: string;
let server: RunningServer;
let targets: Record<"tcp" | "unix", Target>;

beforeAll(async () => {
  folder = temporaryFolder({ "main.mjs": APP });
  server = await startServer({
    args: [
      "main.mjs",
      "--workers",
      String(WORKERS),
      "--bind",
      "127.0.0.1:0",
      "--bind",
      `unix:${folder}/s.sock`,
    ],
    cwd: folder,
  });
  await eventually(
    "every worker is ready",
    () => server.log().match(/http worker \d+ is ready/g)?.length === WORKERS,
  );
  const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(server.log())?.[1];
  targets = { tcp: { port: Number(port) }, unix: { socketPath: `${folder}/s.sock` } };
});

afterAll(async () => {
  await server.stop();
  removeFolder(folder);
});

/** How many came from each process, the most first. */
function counts(pids: readonly string[]): number[] {
  const byPid = new Map<string, number>();
  for (const pid of pids) byPid.set(pid, (byPid.get(pid) ?? 0) + 1);
  return [...byPid.values()].sort((a, b) => b - a);
}

describe.each(["tcp", "unix"] as const)("over %s", (kind) => {
  test("streams that are held, opened one by one, and short requests beside them", async () => {
    const held: Stream[] = [];
    for (let i = 0; i < 120; i++) {
      const stream = await open(targets[kind], "/stream");
      await stream.has(/\d+ /);
      held.push(stream);
    }
    expect(Math.max(...counts(held.map(({ text }) => text)))).toBeLessThanOrEqual(1.25 * (120 / WORKERS));
    // Those that are ahead leave some to the others, however busy these are.
    const short: string[] = [];
    await eventually("every worker has answered a short request", async () => {
      short.push((await ask(targets[kind], "/pid")).body);
      return counts(short).length === WORKERS;
    });
    for (const stream of held) stream.leave();
  });

  test("a worker that stands still keeps no connection from the others", async () => {
    const [pid = 0] = server.pids("http worker");
    process.kill(pid, "SIGSTOP");
    try {
      // What it has taken already waits for it; what waits in the kernel does not.
      const answers = await Promise.all(Array.from({ length: 30 }, () => ask(targets[kind], "/pid")));
      expect(answers.filter(({ body }) => body === String(pid))).toEqual([]);
      expect(answers).toHaveLength(30);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });
});
