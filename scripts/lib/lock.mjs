import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readIfThere } from "./files.mjs";

/** When a process began, in ticks since boot; empty where the system does not tell (it is Linux's). */
function startOf(pid) {
  try {
    // The name of the program, in brackets, may hold spaces and brackets of its own.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** A pid is used again sooner or later, in a container nearly at once: the start tells them apart. */
function ownerIsGone(text) {
  const [pid, started] = text.split(" ");
  if (!/^\d+$/.test(pid ?? "")) return true;
  if (!isAlive(Number(pid))) return true;
  return started !== "" && startOf(pid) !== started;
}

/**
 * Removes a lock whose owner is gone. Two may try at once, and a third may have taken the lock meanwhile:
 * what was moved away is compared, and put back if it was not the dead owner's.
 */
function breakLock(path, seen) {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  if (readIfThere(aside) !== seen) {
    try {
      linkSync(aside, path);
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
  rmSync(aside, { force: true });
}

/** Creates the lock with its text in one step, so that no process ever reads an empty one. */
function tryTake(path, text) {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, text);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Runs `work` while holding a lock file, so that two commands started at once do the work one after the other.
 * @template T
 * @param {string} path of the lock file; its folder is created
 * @param {{ deadline: number, onWait?: (pid: string) => void }} options deadline: milliseconds to wait at most
 * @param {() => Promise<T>} work
 * @returns {Promise<T>} what `work` returned; rejects where the lock was not to be had in time
 */
export async function withLock(path, { deadline, onWait }, work) {
  mkdirSync(dirname(path), { recursive: true });
  const text = `${process.pid} ${startOf(process.pid)} ${randomUUID()}`;
  const end = Date.now() + deadline;
  let said = false;
  while (!tryTake(path, text)) {
    const owner = readIfThere(path);
    if (owner === undefined) continue;
    if (ownerIsGone(owner)) {
      breakLock(path, owner);
      continue;
    }
    if (!said) onWait?.(owner.split(" ")[0]);
    said = true;
    if (Date.now() > end) {
      throw new Error(
        `Process ${owner.split(" ")[0]} has held ${path} for too long. End it, or remove the file.`,
      );
    }
    await sleep(50);
  }
  const release = () => {
    if (readIfThere(path) === text) rmSync(path, { force: true });
  };
  // A process that exits inside `work` (an interrupt) leaves no lock behind.
  process.once("exit", release);
  try {
    return await work();
  } finally {
    release();
    process.removeListener("exit", release);
  }
}
