import { ConfigError } from "../config/errors.ts";
import { loadConfigApart } from "../config/load-apart.ts";
import { hideCredentials } from "../process/hide-credentials.ts";
import { packageVersion } from "../process/version.ts";
import { checkAppFiles } from "./check-config.ts";
import { readTask } from "./flags.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Runs the `tsunicorn` command.
 *
 * @param argv its arguments, without node and the script.
 * @returns the exit code: 0, or 1 for a bad command line, a bad setting or a server that did not start; that of
 *   `tsunicorn ctl` for its commands. While a server runs, it is the server that decides how the process ends;
 *   then undefined.
 */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number | undefined> {
  const { env, cwd, writeOut, writeError, load = loadConfigApart } = surroundings;
  // An app of that name is written ./ctl.
  if (argv[0] === "ctl") return (await import("./ctl.ts")).runCtl(argv.slice(1), surroundings);
  const { task, argv: rest } = readTask(argv);
  try {
    switch (task) {
      case "help": {
        const { renderHelp } = await import("./help.ts");
        writeOut(renderHelp(packageVersion()));
        return 0;
      }
      case "version":
        writeOut(`tsunicorn ${packageVersion()}\n`);
        return 0;
      case "check-config":
        checkAppFiles(await load(rest, env, cwd));
        writeOut("configuration is valid\n");
        return 0;
      case "print-config": {
        const { renderConfig } = await import("./print-config.ts");
        writeOut(renderConfig(await load(rest, env, cwd)));
        return 0;
      }
      case "serve": {
        // Begun before it is needed: the settings load in a thread meanwhile.
        const server = import("./serve.ts");
        server.catch(() => {});
        const loaded = await load(rest, env, cwd);
        checkAppFiles(loaded);
        await (await server).serve(loaded);
        return undefined;
      }
    }
  } catch (error) {
    writeError(hideCredentials(`tsunicorn: ${error instanceof Error ? error.message : String(error)}\n`));
    if (error instanceof ConfigError && rest.length === 0) writeError("Try tsunicorn --help\n");
    return 1;
  }
}
