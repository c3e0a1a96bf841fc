/** With `maxRequests` workers come and go, and no client notices. */
import { expect, test } from "vitest";
import { echoServers, stream } from "./echo-app.ts";
import { eventually, isAlive } from "./harness.ts";
import { ask } from "./http-tools.ts";

const start = echoServers();

test("workers of both kinds are replaced under load after maxRequests, and no request fails and no stream is cut", async () => {
  const server = await start(
    ["--workers", "2", "--dirty-workers", "2"].concat(
      ["--max-requests", "30", "--max-requests-jitter", "20"],
      ["--dirty-max-requests", "30", "--dirty-max-requests-jitter", "20"],
    ),
  );
  const first = { http: server.pids("http worker"), dirty: server.pids("dirty worker") };
  const running = await stream(server.target, "Echo.ticks", [150, 20, "long"]);
  const pids = { http: new Set<number>(), dirty: new Set<number>() };
  /** Three requests at once; each must be answered. */
  const askThrice = async () => {
    const answers = await Promise.all([1, 2, 3].map(() => ask(server.target, "/call/Echo/pid")));
    for (const { status, body, headers, complete } of answers) {
      expect({ status, complete }).toEqual({ status: 200, complete: true });
      pids.http.add(Number(headers["x-pid"]));
      pids.dirty.add(JSON.parse(body).result);
    }
  };
  await eventually(
    "both kinds were replaced twice",
    async () => {
      await askThrice();
      return pids.http.size >= 4 && pids.dirty.size >= 4;
    },
    60_000,
  );
  await running.ended();
  expect(running.text).toMatch(/^0 1 2 .* 148 149 done$/);
  // One of the first may have had few requests so far.
  await eventually(
    "the first have all ended",
    async () => {
      await askThrice();
      return [...first.http, ...first.dirty].every((pid) => !isAlive(pid));
    },
    60_000,
  );
});
