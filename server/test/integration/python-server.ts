import { readFileSync } from "node:fs";
import { PYTHON } from "../python/python.ts";
import { type JobCall, JobServer } from "./jobs-app.ts";

const JOBS = readFileSync(new URL("../python/jobs.py", import.meta.url), "utf8");

/** Starts a server with the jobs in Python. @param apps classes of jobs.py, with `:N` behind them as in a spec. */
export async function startPythonJobs(
  apps: string[],
  args: string[] = [],
  files: Record<string, string> = {},
  env: NodeJS.ProcessEnv = {},
): Promise<JobServer> {
  const specs = apps.flatMap((app) => ["--dirty-app", `python:jobs:${app}`]);
  return JobServer.start([], ["--python", PYTHON, ...specs, ...args], { "jobs.py": JOBS, ...files }, env);
}

/** A call of a class of jobs.py. */
export function inPython(app: string, call: Omit<JobCall, "app">): JobCall {
  return { ...call, app: `python:jobs:${app}` };
}
