import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Settings } from "../config/settings.ts";
import { describeFileProblem } from "../process/file-problem.ts";

/**
 * Makes the private folder, mode 0700, for the sockets that have no path of their own. It stands where temporary files do,
 * since `tsunicorn ctl` looks for servers there. Where that cannot be written, as in a container whose file system is
 * read-only, it stands beside a socket that was given a path.
 * @throws Error that says which folder is needed, and what names another.
 */
export function makePrivateFolder({ dirtyBind, controlSocket }: Settings): string {
  const parents = [tmpdir(), ...[dirtyBind, controlSocket].flatMap((path) => (path ? [dirname(path)] : []))];
  const problems: string[] = [];
  for (const parent of new Set(parents)) {
    try {
      return mkdtempSync(join(parent, "tsunicorn-"));
    } catch (error) {
      problems.push(`in ${parent}: ${describeFileProblem(error)}`);
    }
  }
  throw new Error(
    `Cannot make a folder for the sockets between the processes, ${problems.join("; nor ")}; name another with the environment variable TMPDIR, or give a socket a path in a folder that can be written, with --dirty-bind or --control-socket.`,
  );
}
