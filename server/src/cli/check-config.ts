import path from "node:path";
import { AppSpecError, isGunicornsName, parseAppSpec, resolveAppFile } from "../config/app-spec.ts";
import { ConfigError } from "../config/errors.ts";
import type { LoadedConfig } from "../config/load.ts";

/**
 * Checks that the files of the web app and of the dirty apps exist. None is imported.
 *
 * @throws {ConfigError} with every file that is missing.
 */
export function checkAppFiles({ settings, cwd }: LoadedConfig): void {
  const { app, chdir, dirtyApps, dirtySocket } = settings;
  const wanted = [
    { name: "app", file: app, more: "" },
    // Where a module of Python's is found, only its interpreter knows; what Gunicorn has, only Gunicorn.
    ...(dirtySocket === undefined ? dirtyApps : []).flatMap((spec) => {
      const { language, path: file } = parseAppSpec(spec, chdir);
      const more = isGunicornsName(spec) ? "; for an app of a Gunicorn, give dirtySocket too" : "";
      return language === "node" ? [{ name: `dirtyApps: ${spec}`, file, more }] : [];
    }),
  ];
  const problems = wanted.flatMap(({ name, file, more }) => {
    const reason = missing(file, chdir);
    return reason === undefined ? [] : [`${name}: ${reason}${hint(file, chdir, cwd) || more}`];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}

function missing(file: string, base: string): string | undefined {
  try {
    resolveAppFile(file, base);
    return undefined;
  } catch (error) {
    if (error instanceof AppSpecError) return error.message;
    throw error;
  }
}

/** With `-c folder/config.ts` paths begin in that folder, which a path completed by the shell does not. */
function hint(file: string, chdir: string, cwd: string): string {
  const relative = path.relative(chdir, path.resolve(chdir, file));
  if (missing(relative, cwd) !== undefined) return "";
  const meant = path.relative(chdir, path.resolve(cwd, relative));
  return `; paths are relative to chdir, ${chdir}: write ${meant}`;
}
