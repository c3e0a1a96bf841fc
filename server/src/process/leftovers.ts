import { rmSync, statSync } from "node:fs";
import type { SocketFile } from "./channel.ts";

/**
 * Removes what an arbiter that was killed left behind: its private folder, and its sockets' files and pidfile unless
 * another server has put its own there since.
 */
export function removeLeftovers(files: readonly SocketFile[], folder: string): void {
  for (const { path, inode } of files) {
    if (statSync(path, { throwIfNoEntry: false })?.ino === inode) rmSync(path, { force: true });
  }
  rmSync(folder, { recursive: true, force: true });
}
