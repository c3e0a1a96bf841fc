import { runArbiter } from "../arbiter/main.ts";
import type { LoadedConfig } from "../config/load.ts";

/** Runs the server in this process, until it has stopped. */
export async function serve(loaded: LoadedConfig): Promise<void> {
  await runArbiter(loaded);
}
