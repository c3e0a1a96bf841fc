import { isIPv6 } from "node:net";
import { type Given, type Layer, readNumber } from "./layer.ts";
import type { SettingName } from "./settings.ts";

/**
 * Reads the variables that hosting platforms set for any server: `PORT`, with `HOST` beside it, and
 * `WEB_CONCURRENCY`. They give way to flags and `TSUNICORN_*`, and win over the config file, which was written
 * before anyone knew the platform. An empty variable counts as not set. `HOST` alone says nothing, since some
 * shells export it.
 */
export function readPlatformEnvironment({
  PORT = "",
  HOST = "",
  WEB_CONCURRENCY = "",
}: NodeJS.ProcessEnv): Layer {
  const given = new Map<SettingName, Given>();
  const problems: string[] = [];
  const add = (name: SettingName, value: unknown, where: string): void => {
    given.set(name, { value, source: { kind: "environment", where } });
  };
  if (PORT !== "" && !isPort(PORT)) {
    problems.push(`bind: ${JSON.stringify(PORT)} is not a port from 1 to 65535 (from environment PORT)`);
  } else if (PORT !== "" && HOST === "") add("bind", [`0.0.0.0:${PORT}`], "PORT");
  else if (PORT !== "") add("bind", [`${isIPv6(HOST) ? `[${HOST}]` : HOST}:${PORT}`], "HOST and PORT");
  if (WEB_CONCURRENCY !== "") add("workers", readNumber(WEB_CONCURRENCY), "WEB_CONCURRENCY");
  return { given, problems };
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}
