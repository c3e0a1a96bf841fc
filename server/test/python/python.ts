import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The interpreter that tests use. */
export const PYTHON: string = process.env["PYTHON"] ?? "python3";

/** The folder of our Python package. */
export const PACKAGE: string = fileURLToPath(new URL("../../python", import.meta.url));

const FIT = "import sys; sys.exit(sys.version_info < (3, 9))";

/** Why tests that need Python cannot run; undefined where they can. */
export const NO_PYTHON: string | undefined =
  spawnSync(PYTHON, ["-c", FIT]).status === 0 ? undefined : `${PYTHON} is not Python 3.9 or later`;
