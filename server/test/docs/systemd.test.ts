import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { resolveSettings } from "../../src/config/resolve.ts";
import { repository } from "./pages.ts";

const NO_ANALYZE =
  spawnSync("systemd-analyze", ["--version"]).status === 0 ? undefined : "systemd-analyze cannot be started";

describe("the unit files", () => {
  const units = join(repository, "deploy/systemd");

  test("are what systemd understands", ({ skip }) => {
    if (NO_ANALYZE !== undefined) skip(NO_ANALYZE);
    const folder = mkdtempSync(join(tmpdir(), "ts-"));
    try {
      const files = readdirSync(units).map((name) => {
        // What they run is not installed here.
        const text = readFileSync(join(units, name), "utf8");
        writeFileSync(join(folder, name), text.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`));
        return join(folder, name);
      });
      expect(files).toHaveLength(2);
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...files], {
        encoding: "utf8",
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("give the server the time that its settings do", () => {
    const unit = readFileSync(join(units, "tsunicorn.service"), "utf8");
    const seconds = (name: string) => Number(new RegExp(`^${name}=(\\d+)$`, "m").exec(unit)?.[1]);
    const { settings } = resolveSettings([], { cwd: "/", configFile: undefined });
    const { dirtyInitTimeout, gracefulTimeout, dirtyGracefulTimeout, dirtyAbortGrace } = settings;
    expect(seconds("TimeoutStartSec")).toBeGreaterThan(dirtyInitTimeout);
    expect(seconds("TimeoutStopSec")).toBeGreaterThan(
      gracefulTimeout + dirtyGracefulTimeout + dirtyAbortGrace,
    );
  });
});
