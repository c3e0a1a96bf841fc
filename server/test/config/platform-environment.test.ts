import { describe, expect, test } from "vitest";
import { renderConfig } from "../../src/cli/print-config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { folderWith } from "./folder.ts";

const FILE = { "tsunicorn.config.mjs": `export default { app: "a.ts", workers: 2, bind: "127.0.0.1:2" }` };

/** The addresses and the number of workers with these variables, and what `--print-config` says of both. */
async function load(env: NodeJS.ProcessEnv, argv: string[] = [], files: Record<string, string> = FILE) {
  const loaded = await loadConfig(argv, env, folderWith(files));
  const { bind, workers } = loaded.settings;
  const rows = renderConfig(loaded).split("\n");
  const from = (name: string) =>
    rows
      .find((row) => row.startsWith(`${name} `))
      ?.split(/ {2,}/)
      .at(-1);
  return { bind, workers, from: [from("bind"), from("workers")] };
}

/** Why the settings cannot be used. */
async function problemOf(env: NodeJS.ProcessEnv, argv: string[] = ["a.ts"]): Promise<string> {
  return loadConfig(argv, env, folderWith({})).then(
    () => "none",
    (error: Error) => error.message,
  );
}

describe("PORT and WEB_CONCURRENCY", () => {
  test("win over the config file", async () => {
    expect(await load({ PORT: "9000", WEB_CONCURRENCY: "3" })).toEqual({
      bind: ["0.0.0.0:9000"],
      workers: 3,
      from: ["environment PORT", "environment WEB_CONCURRENCY"],
    });
  });

  test("win over the default", async () => {
    expect(await load({ PORT: "1", WEB_CONCURRENCY: "1000" }, ["a.ts"], {})).toMatchObject({
      bind: ["0.0.0.0:1"],
      workers: 1000,
    });
  });

  test("give way to TSUNICORN_BIND and TSUNICORN_WORKERS, each to its own", async () => {
    const platform = { PORT: "9000", WEB_CONCURRENCY: "3" };
    expect(await load({ ...platform, TSUNICORN_BIND: ":1", TSUNICORN_WORKERS: "4" })).toMatchObject({
      bind: [":1"],
      workers: 4,
    });
    expect(await load({ ...platform, TSUNICORN_BIND: "unix:/run/a.sock" })).toMatchObject({
      bind: ["unix:/run/a.sock"],
      workers: 3,
    });
  });

  test("give way to flags", async () => {
    const env = { PORT: "9000", HOST: "::1", WEB_CONCURRENCY: "3" };
    expect(await load(env, ["--bind", ":2", "-w", "5"])).toMatchObject({ bind: [":2"], workers: 5 });
  });

  test("count as not set where they are empty", async () => {
    const env = { PORT: "", HOST: "", WEB_CONCURRENCY: "" };
    expect(await load(env)).toMatchObject({ bind: ["127.0.0.1:2"], workers: 2 });
  });
});

describe("HOST", () => {
  test("counts with PORT", async () => {
    expect(await load({ HOST: "127.0.0.1", PORT: "65535" })).toMatchObject({
      bind: ["127.0.0.1:65535"],
      from: ["environment HOST and PORT", expect.anything()],
    });
  });

  test("says nothing alone", async () => {
    expect((await load({ HOST: "x86_64-pc-linux-gnu" })).bind).toEqual(["127.0.0.1:2"]);
  });

  test.each(["::", "[::]"])("may be IPv6: %s", async (HOST) => {
    expect((await load({ HOST, PORT: "80" })).bind).toEqual(["[::]:80"]);
  });

  test("that cannot be a host is named with PORT", async () => {
    expect(await problemOf({ HOST: "no host", PORT: "80" })).toBe(
      'bind: "no host:80" is not HOST:PORT, [IPV6]:PORT, :PORT, PORT or unix:PATH (from environment HOST and PORT)',
    );
  });
});

test.each(["0", "65536", "-1", "80a", "http", "0x50", " 80", "8e1", "1.5", "tcp://10.0.0.1:80"])(
  "PORT=%j stops the start, also where a flag wins over it",
  async (PORT) => {
    const problem = `bind: ${JSON.stringify(PORT)} is not a port from 1 to 65535 (from environment PORT)`;
    expect(await problemOf({ PORT })).toBe(problem);
    expect(await problemOf({ PORT }, ["a.ts", "--bind", ":1"])).toBe(problem);
  },
);

test.each(["0", "-1", "1001", "two", "1.5"])(
  "WEB_CONCURRENCY=%j stops the start",
  async (WEB_CONCURRENCY) => {
    expect(await problemOf({ WEB_CONCURRENCY })).toMatch(
      /^workers: .* is not a whole number from 1 to 1000 \(from environment WEB_CONCURRENCY\)$/,
    );
  },
);
