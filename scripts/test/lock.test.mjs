import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withLock } from "../lib/lock.mjs";

let folder;
let path;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsunicorn-lock-"));
  path = join(folder, "kept/prepare.lock");
});

afterEach(() => rmSync(folder, { recursive: true }));

const quickly = { deadline: 10_000 };

/** A pid without a process: that of one which has ended and was waited for. */
async function deadPid() {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "close");
  return child.pid;
}

describe("two commands that want to install or build at once", () => {
  it("take turns, and leave nothing behind", async () => {
    let inside = 0;
    let most = 0;
    const done = [];
    const work = (name) => async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
      done.push(name);
    };
    const names = ["a", "b", "c", "d"];
    await Promise.all(names.map((name) => withLock(path, quickly, work(name))));
    expect(most).toBe(1);
    expect(done.sort()).toEqual(names);
    expect(readdirSync(join(folder, "kept"))).toEqual([]);
  });

  it("give the lock back when the work fails", async () => {
    const failing = withLock(path, quickly, () => Promise.reject(new Error("no space left")));
    await expect(failing).rejects.toThrow("no space left");
    expect(existsSync(path)).toBe(false);
  });

  it("do not wait for one that was killed", async () => {
    await withLock(path, quickly, async () => undefined);
    writeFileSync(path, `${await deadPid()} 1 x`);
    expect(await withLock(path, { deadline: 0 }, async () => "done")).toBe("done");
  });

  it.runIf(process.platform === "linux")(
    "do not wait for another process that has the dead one's pid",
    async () => {
      await withLock(path, quickly, async () => undefined);
      writeFileSync(path, `${process.pid} 1 x`);
      expect(await withLock(path, { deadline: 0 }, async () => "done")).toBe("done");
    },
  );

  it("take turns also when a dead one's lock is in their way", async () => {
    await withLock(path, quickly, async () => undefined);
    writeFileSync(path, `${await deadPid()} 1 x`);
    let inside = 0;
    const work = async () => {
      expect(++inside).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inside--;
    };
    await Promise.all(Array.from({ length: 6 }, () => withLock(path, quickly, work)));
    expect(readdirSync(join(folder, "kept"))).toEqual([]);
  });

  it("say whom they wait for, and give up with its pid and the file's path", async () => {
    let tell;
    const told = new Promise((resolve) => {
      tell = resolve;
    });
    await withLock(path, quickly, async () => {
      const second = withLock(path, { deadline: 0, onWait: tell }, async () => undefined);
      await expect(second).rejects.toThrow(`Process ${process.pid} has held ${path} for too long`);
      expect(await told).toBe(String(process.pid));
    });
  });
});
