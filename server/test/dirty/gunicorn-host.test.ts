/** The stash and the status of a Gunicorn, through its dirty arbiter's socket. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { useDirtyHost } from "../../src/dirty/client.ts";
import { GunicornHost } from "../../src/dirty/gunicorn-host.ts";
import { stash } from "../../src/dirty/stash.ts";
import { DirtyClient, DirtyConnectionError, StashError, StashTableNotFoundError } from "../../src/index.ts";
import { GunicornStandIn } from "../python/gunicorn-stand-in.ts";
import { NO_PYTHON } from "../python/python.ts";
import { until } from "./wire-peer.ts";

const [JOBS, CHAT] = ["jobs:Jobs", "streaming_chat.chat_app:ChatApp"];

let gunicorn: GunicornStandIn;
let hosts: GunicornHost[] = [];

beforeAll(async () => {
  if (NO_PYTHON === undefined) gunicorn = await GunicornStandIn.start();
});

beforeEach(({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
});

afterEach(() => {
  for (const host of hosts) host.close();
  hosts = [];
});

afterAll(async () => {
  await gunicorn?.stop();
});

function hostOf(apps: string[] = [], socket: string = gunicorn.path): GunicornHost {
  const host = new GunicornHost({ socket, apps, dirtyTimeout: 30, dirtyQueueSize: 1000 });
  hosts.push(host);
  return host;
}

describe("the stash", () => {
  beforeEach(() => {
    useDirtyHost(hostOf());
  });

  test("is Gunicorn's, with its ten operations", async () => {
    const value = { name: "Ada", seen: [1, 2.5, null, true, Buffer.from([0, 255])] };
    await stash.put("users", "a:1", value);
    await stash.put("users", "b:1", null);
    expect(await stash.get("users", "a:1")).toEqual(value);
    expect(await stash.get("users", "b:1", "else")).toBeNull();
    expect(await stash.get("users", "none")).toBeUndefined();
    expect(await stash.get("none", "none", "else")).toBe("else");
    expect(await stash.keys("users")).toEqual(["a:1", "b:1"]);
    expect(await stash.keys("users", "a:*")).toEqual(["a:1"]);
    expect(await stash.exists("users", "a:1")).toBe(true);
    expect(await stash.exists("users", "c:1")).toBe(false);
    expect(await stash.exists("none")).toBe(false);
    expect(await stash.info("users")).toEqual({
      table: "users",
      size: 2,
      bytes: Number.NaN,
      maxEntries: Number.POSITIVE_INFINITY,
      maxBytes: Number.POSITIVE_INFINITY,
      ttl: undefined,
    });
    expect(await stash.delete("users", "b:1")).toBe(true);
    expect(await stash.delete("users", "b:1")).toBe(false);
    await stash.ensure("new");
    expect(await stash.tables()).toEqual(["users", "new"]);
    expect(await stash.deleteTable("new")).toBe(true);
    expect(await stash.deleteTable("new")).toBe(false);
    await stash.clear("users");
    expect(await stash.table("users").keys()).toEqual([]);
  });

  test("answers many operations at once, in order, over one connection", async () => {
    const before = gunicorn.notes("connected").length;
    const puts = Array.from({ length: 300 }, (_, n) => stash.put("many", `k${n}`, n));
    const gets = Array.from({ length: 300 }, (_, n) => stash.get("many", `k${n}`));
    await Promise.all(puts);
    expect(await Promise.all(gets)).toEqual(gets.map((_, n) => n));
    expect(gunicorn.notes("connected").length - before).toBe(1);
  });

  test("refuses what Gunicorn's has not, and would leave out without a word", async () => {
    for (const operation of [
      stash.incr("t", "k"),
      stash.compareAndSet("t", "k", undefined, 1),
      stash.put("t", "k", 1, { ttl: 5 }),
      stash.ensure("t", { maxEntries: 5 }),
      stash.ensure("t", { maxBytes: 5 }),
    ]) {
      const error = await operation.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(StashError);
      expect(String(error)).toMatch(/Gunicorn's stash has no /);
    }
    expect(await stash.exists("t")).toBe(false);
  });

  test("has typed errors: for a table that is not there, and for a value that Gunicorn takes for an error", async () => {
    await expect(stash.info("none")).rejects.toBeInstanceOf(StashTableNotFoundError);
    await stash.put("t", "odd", { error: "mine" });
    await expect(stash.get("t", "odd")).rejects.toBeInstanceOf(StashError);
    await expect(stash.put("t", "k", new Date())).rejects.toThrow(/Date/);
  });

  test("does not repeat what had no answer when Gunicorn died, and works again with the next", async () => {
    await stash.put("t", "k", 1);
    gunicorn.signal("SIGSTOP");
    const lost = stash.put("t", "k", 2).catch((error: unknown) => error);
    await gunicorn.kill();
    expect(await lost).toBeInstanceOf(DirtyConnectionError);
    await expect(stash.get("t", "k")).rejects.toThrow(/cannot be reached at .*arbiter\.sock/);
    await gunicorn.start();
    expect(await stash.get("t", "k")).toBeUndefined();
  });
});

describe("status", () => {
  test("is what Gunicorn says, and follows its death and its return", async () => {
    const host = hostOf();
    expect(host.status()).toEqual({ ready: false, apps: [] });
    host.open();
    await host.heard(5000);
    const apps = [
      { app: JOBS, workers: 1 },
      { app: CHAT, workers: 1 },
    ];
    expect(host.status()).toEqual({ ready: true, apps });
    await gunicorn.kill();
    await until(
      () => "its death is known",
      () => !host.status().ready,
    );
    await gunicorn.start();
    await until(
      () => "it is back",
      () => host.status().ready,
    );
    await new DirtyClient(host).execute(JOBS, "forget_workers", true);
    await until(
      () => "it has no workers",
      () => !host.status().ready,
    );
    expect(host.status().apps).toEqual(apps.map(({ app }) => ({ app, workers: 0 })));
    await gunicorn.kill();
    await gunicorn.start();
  });

  test("is of the apps that this server needs, where they are named", async () => {
    const [some, more] = [hostOf([CHAT]), hostOf([CHAT, "not:There"])];
    for (const host of [some, more]) {
      host.open();
      await host.heard(5000);
    }
    expect(some.status()).toEqual({ ready: true, apps: [{ app: CHAT, workers: 1 }] });
    expect(more.status()).toEqual({
      ready: false,
      apps: [
        { app: CHAT, workers: 1 },
        { app: "not:There", workers: 0 },
      ],
    });
  });

  test("that Gunicorn cannot give is known at once, so that a start does not wait for it", async () => {
    const host = hostOf([CHAT], "/nowhere/x.sock");
    host.open();
    // Longer than the test may take.
    await host.heard(60_000);
    expect(host.status()).toEqual({ ready: false, apps: [{ app: CHAT, workers: 0 }] });
  });
});
