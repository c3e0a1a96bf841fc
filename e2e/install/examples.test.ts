import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Command, hasRegistry, repository, runCommand } from "../support/command.ts";
import { listeningUrl } from "../support/example-server.ts";
import { waitFor } from "../support/wait.ts";

describe("a copy of an example", () => {
  it("is installed as its README says, checks its types, and serves", async ({ skip }) => {
    const missing = !(await hasRegistry());
    skip(missing, "the npm registry cannot be reached");
    const copy = mkdtempSync(join(tmpdir(), "tsunicorn-copy-"));
    let server: Command | undefined;
    try {
      const isInstalled = (path: string): boolean => /\/(node_modules|__pycache__)(\/|$)/.test(path);
      cpSync(join(repository, "examples/express"), copy, {
        recursive: true,
        filter: (path) => !isInstalled(path),
      });
      await runCommand(
        "npm",
        ["install", "--no-audit", "--no-fund", "--prefer-offline", join(repository, "server")],
        {
          cwd: copy,
        },
      );
      await runCommand("npm", ["run", "check"], { cwd: copy });
      const start = new Command("npm", ["start", "--", "--bind", "127.0.0.1:0"], { cwd: copy });
      server = start;
      await waitFor("the copy to listen", () => start.output.includes("listening on http"), 60_000);
      const health = await fetch(`${listeningUrl(start.output)}/health`).then((response) => response.json());
      expect(health).toEqual({ status: "ok" });
      server.signalGroup("SIGTERM");
      await server.ended;
    } finally {
      server?.clear();
      rmSync(copy, { recursive: true, force: true });
    }
  });
});
