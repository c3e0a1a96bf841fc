/** Apps with workers of their own: what one does to its processes does not touch the others. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAppSpec } from "../../src/config/app-spec.ts";
import { ctl, ctlJson } from "./ctl-command.ts";
import { eventually } from "./harness.ts";
import { JobServer, type JobStream } from "./jobs-app.ts";

interface Dirty {
  readonly target: number;
  readonly workers: readonly { pid: number; state: string; apps: string[] }[];
}

let server: JobServer;

/** The workers that are ready, as `APP:PID`; apps by their classes. */
async function workers(): Promise<{ app: string; pid: number }[]> {
  const dirty = await ctlJson<Dirty>(server.running, "show", "dirty");
  return dirty.workers
    .filter(({ state }) => state === "ready")
    .flatMap(({ apps, pid }) => {
      // More than one would be a fault that a map would hide.
      expect(apps).toHaveLength(1);
      return apps.map((app) => ({ app: parseAppSpec(app).className, pid }));
    });
}

/** Waits until each app has the number of workers that is wanted. */
async function count(wanted: Record<string, number>): Promise<{ app: string; pid: number }[]> {
  return eventually(
    JSON.stringify(wanted),
    async () => {
      const now = await workers();
      const counted = Object.keys(wanted).map((app) => now.filter((one) => one.app === app).length);
      return counted.join() === Object.values(wanted).join() ? now : undefined;
    },
    30_000,
  );
}

async function pidOf(app: string): Promise<number> {
  const found = (await workers()).find((one) => one.app === app);
  if (found === undefined) throw new Error(`no worker has ${app}`);
  return found.pid;
}

/** Each number once, in order, and the end. */
async function whole(stream: JobStream, chunks: number): Promise<void> {
  expect((await stream.over(30_000)).ended).toBe(true);
  expect(stream.chunks).toEqual(Array.from({ length: chunks }, (_, index) => index));
}

beforeAll(async () => {
  server = await JobServer.start(["One", "Four:2", "Many"], ["--dirty-own-workers"]);
});

afterAll(async () => {
  await server?.stop();
});

describe("apps with workers of their own", () => {
  test("have as many as they say, each of them in a process without any other", async () => {
    const now = await count({ One: 1, Four: 2, Many: 1 });
    expect(new Set(now.map(({ pid }) => pid)).size).toBe(4);
    for (const app of ["One", "Four", "Many"]) {
      const { result } = await server.call({ app, action: "pid" });
      expect(now.filter((one) => one.app === app).map(({ pid }) => pid)).toContain(result);
    }
  });

  test("do not notice that another's worker is killed, and that one is replaced", async () => {
    const stream = await server.stream({ app: "Many", action: "ticks", args: [100_000, 20] });
    const lost = await server.stream({ app: "One", action: "ticks", args: [100_000, 20] });
    await stream.has(3);
    await lost.has(3);
    const [one, many] = [await pidOf("One"), await pidOf("Many")];
    process.kill(one, "SIGKILL");
    expect((await lost.over()).error?.name).toBe("DirtyWorkerError");
    await count({ One: 1, Four: 2, Many: 1 });
    await stream.has(stream.chunks.length + 3);
    expect(stream.outcome).toBeUndefined();
    expect(stream.chunks).toEqual(stream.chunks.map((_, index) => index));
    stream.leave();
    expect(await pidOf("Many")).toBe(many);
    expect(await pidOf("One")).not.toBe(one);
  });

  test("are replaced at once, also while another's workers die again and again", async () => {
    for (let deaths = 0; deaths < 4; deaths++) {
      const before = server.running.log().match(/dirty worker \d+ failed/g)?.length ?? 0;
      process.kill(
        await eventually("One has a worker", () => pidOf("One").catch(() => 0), 60_000),
        "SIGKILL",
      );
      await eventually(
        "the arbiter knows",
        () => (server.running.log().match(/dirty worker \d+ failed/g)?.length ?? 0) > before,
      );
    }
    const many = await pidOf("Many");
    process.kill(many, "SIGKILL");
    await eventually("another serves", async () => (await pidOf("Many").catch(() => many)) !== many);
    expect((await server.call({ app: "Many", action: "add", args: [1, 2] })).result).toBe(3);
    await count({ One: 1, Four: 2, Many: 1 });
  });

  test("are changed in number one app at a time, also behind what the class says", async () => {
    const unsaid = await ctl(server.running, "dirty", "add");
    expect(unsaid).toMatchObject({ code: 1 });
    expect(unsaid.error).toContain(
      "Each dirty app has workers of its own; say which one is meant: app:One or app:Four or app:Many.",
    );
    expect((await ctl(server.running, "dirty", "add", "1", "app")).error).toContain(
      "Several dirty apps have",
    );
    expect((await ctl(server.running, "dirty", "add", "1", "Five")).error).toContain("No dirty app has");

    expect((await ctl(server.running, "dirty", "add", "1", "Four")).out).toContain("3 dirty workers");
    await count({ One: 1, Four: 3, Many: 1 });
    const stream = await server.stream({ app: "Many", action: "ticks", args: [40, 20] });
    expect((await ctl(server.running, "dirty", "remove", "2", "app:Four")).code).toBe(0);
    await count({ One: 1, Four: 1, Many: 1 });
    await whole(stream, 40);
    expect((await ctl(server.running, "dirty", "remove", "1", "Four")).error).toContain(
      "There are 1 dirty workers of app:Four; there can be 1 to 1000 of them.",
    );
  });

  test("are there again in the config's number after a reload, which cuts no answer", async () => {
    const stream = await server.stream({ app: "One", action: "ticks", args: [100, 20] });
    await stream.has(2);
    server.running.signal("SIGHUP");
    await server.running.logged("reloaded in ", 60_000);
    await whole(stream, 100);
    await count({ One: 1, Four: 2, Many: 1 });
  });
});
