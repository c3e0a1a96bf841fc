import { mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("..", import.meta.url));
const PACKAGES = { tsunicorn: SERVER, tsx: path.join(SERVER, "../node_modules/tsx") };

/** Puts packages into a folder's `node_modules`, as links, which is how npm and pnpm install a folder. */
export function install(folder: string, ...names: (keyof typeof PACKAGES)[]): void {
  mkdirSync(path.join(folder, "node_modules"), { recursive: true });
  for (const name of names) symlinkSync(PACKAGES[name], path.join(folder, "node_modules", name));
}
