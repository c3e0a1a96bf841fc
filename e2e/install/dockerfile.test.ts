import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, posix } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../server/test/integration/free-port.ts";
import { Command, hasRegistry, repository, runCommand, untilReady } from "../support/command.ts";
import {
  copyContext,
  copyInto,
  execForm,
  ignoredBy,
  readDockerfile,
  type Stage,
} from "../support/dockerfile.ts";
import { waitFor } from "../support/wait.ts";

const stages = readDockerfile(join(repository, "deploy/Dockerfile"));
const final = stages.at(-1) as Stage;

/** What the folder of a stage stands for, after its instructions were carried out in it. */
interface Built {
  readonly folder: string;
  readonly env: Record<string, string>;
}

const one = (stage: Stage, name: string): string => {
  const found = stage.instructions.filter((instruction) => instruction.name === name);
  expect(found, `${name} in the last stage`).toHaveLength(1);
  return found[0]?.text ?? "";
};

/**
 * Gives a folder what `npm ci` would: the packages that are installed here, which `npm test` has just held to the same
 * lock file. That `npm ci` itself works is seen in the stage of the packages, and by `npm start` in a fresh clone.
 */
async function linkPackages(folder: string): Promise<void> {
  await runCommand("cp", ["-al", join(repository, "node_modules"), "node_modules"], { cwd: folder }).catch(
    () =>
      // On another file system there are no links.
      runCommand("cp", ["-a", join(repository, "node_modules"), "."], { cwd: folder }),
  );
  // A link that is written to would be written to here, too.
  rmSync(join(folder, "node_modules/.tsunicorn-installed"), { force: true });
}

/** Carries out one stage in a folder of its own: the paths of the image are below it. */
async function build(
  stage: Stage,
  folder: string,
  context: string,
  built: Map<string, Built>,
): Promise<Built> {
  const env: Record<string, string> = {};
  let workdir = "/";
  const at = (path: string): string => join(folder, path.startsWith("/") ? path : posix.join(workdir, path));
  mkdirSync(folder, { recursive: true });
  for (const { name, flags, text } of stage.instructions) {
    if (name === "WORKDIR") {
      workdir = posix.resolve(workdir, text);
      mkdirSync(at(workdir), { recursive: true });
    } else if (name === "ENV") {
      for (const [, key = "", value = ""] of text.matchAll(/(\w+)=(\S+)/g)) env[key] = value;
    } else if (name === "COPY") {
      const words = text.split(/\s+/);
      const to = words.pop() ?? "";
      const from = flags.from === undefined ? context : built.get(flags.from)?.folder;
      if (from === undefined) throw new Error(`COPY from ${flags.from}, which no earlier stage is called`);
      copyInto(from, words, to.endsWith("/") ? `${at(to)}/` : at(to));
    } else if (name === "RUN" && text === "npm ci") {
      await linkPackages(at(workdir));
    } else if (name === "RUN") {
      await runCommand("sh", ["-c", text], { cwd: at(workdir), env });
    }
  }
  return { folder, env };
}

describe("the Dockerfile", () => {
  it("pins its images to a version", () => {
    for (const { image } of stages) expect(image).toMatch(/^node:\d+\.\d+\.\d+-[\w-]+$/);
  });

  it("runs the arbiter itself as process 1, not as root, and stops it the graceful way", () => {
    expect(execForm(one(final, "ENTRYPOINT"))[0]).toBe("node");
    expect(one(final, "USER")).toBe("node");
    expect(one(final, "STOPSIGNAL")).toBe("SIGTERM");
  });

  it("opens the port that compose.yaml publishes", () => {
    const compose = readFileSync(join(repository, "compose.yaml"), "utf8");
    expect(compose).toContain("dockerfile: deploy/Dockerfile");
    expect(compose).toContain(`"8000:${one(final, "EXPOSE")}"`);
  });
});

describe("the Dockerfile's commands, run in an empty folder", () => {
  let folder: string;
  let image: Built;
  let missing: string | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tsunicorn-image-"));
    // The server below runs as another user, like in the image.
    chmodSync(folder, 0o755);
    if (!(await hasRegistry())) {
      missing = "the npm registry cannot be reached";
      return;
    }
    const context = join(folder, "context");
    copyContext(repository, context, ignoredBy(readFileSync(join(repository, ".dockerignore"), "utf8")));
    const built = new Map<string, Built>();
    for (const stage of stages) {
      image = await build(stage, join(folder, `stage-${stage.name}`), context, built);
      built.set(stage.name, image);
    }
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("give an image without compilers, tests and sources", ({ skip }) => {
    skip(missing !== undefined, missing);
    const has = (path: string): boolean => existsSync(join(image.folder, "app", path));
    expect(has("node_modules/fastify")).toBe(true);
    for (const tool of ["typescript", "vite", "vitest", "@biomejs/biome"]) {
      expect(has(`node_modules/${tool}`), tool).toBe(false);
    }
    for (const path of ["server/src", "server/test", "chat/src", "web/src", "scripts"]) {
      expect(has(path), path).toBe(false);
    }
  });

  it("give a chat that answers on PORT, says that it is healthy, and ends on the stop signal", async ({
    skip,
  }) => {
    skip(missing !== undefined, missing);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const inImage = (words: string[]): string[] =>
      words.map((word) => (word.startsWith("/app/") ? join(image.folder, word) : word));
    const options = {
      cwd: join(image.folder, "app"),
      env: { ...image.env, PORT: String(port), HOST: "127.0.0.1" },
      uid: process.getuid?.() === 0 ? 1000 : undefined,
    };
    const [probe = "", ...probeArgs] = inImage(execForm(one(final, "HEALTHCHECK").replace(/^.*?CMD\s+/, "")));
    const isHealthy = async (): Promise<boolean> =>
      (await new Command(probe, probeArgs, options).ended) === 0;
    expect(await isHealthy()).toBe(false);

    const [file = "", ...args] = inImage(execForm(one(final, "ENTRYPOINT")));
    const server = new Command(file, args, options);
    try {
      await untilReady(server, url);
      await waitFor("the health check", isHealthy);
      const page = await fetch(url).then((response) => response.text());
      expect(page).toContain("<title>Tsunicorn chat</title>");
      const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(page)?.[1];
      expect((await fetch(`${url}/${script}`)).headers.get("content-type")).toContain("javascript");
      const answer = await fetch(`${url}/chat/sync`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ prompt: "hello" }),
      });
      expect(await answer.json()).toMatchObject({ response: expect.stringMatching(/^Hello!/) });

      server.signal("SIGTERM");
      expect(await server.ended).toBe(0);
    } finally {
      server.clear();
    }
  });
});
