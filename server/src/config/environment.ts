import { type Given, type Layer, readNumber } from "./layer.ts";
import { SETTING_NAMES, type SettingName, settings } from "./settings.ts";
import { variableOf } from "./spelling.ts";
import { didYouMean } from "./suggest.ts";

const PREFIX = "TSUNICORN_";

/** Variables with our prefix that are not settings: the server sets them for its children. */
export const RESERVED_VARIABLES: readonly string[] = ["TSUNICORN_DIRTY_SOCKET"];

/**
 * What Kubernetes sets by itself in every container beside a service whose name begins with `tsunicorn`.
 * Taking those for mistakes would keep the server from starting there, for nothing that its user wrote.
 */
const SERVICE_VARIABLE = /_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_.+)?)$/;
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;

const BOOLEANS = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

/**
 * Reads the settings that the environment gives, unchecked. An empty variable counts as not set, since
 * compose files and shells write `NAME=` for "no value".
 */
export function readEnvironment(env: NodeJS.ProcessEnv): Layer {
  const names = new Map(SETTING_NAMES.map((name) => [variableOf(name), name]));
  const given = new Map<SettingName, Given>();
  const problems: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || text === undefined || text === "") continue;
    const name = names.get(variable);
    if (name !== undefined) {
      given.set(name, { value: read(name, text), source: { kind: "environment", where: variable } });
    } else if (!RESERVED_VARIABLES.includes(variable) && !isFromKubernetes(variable, text)) {
      problems.push(
        `${variable}: unknown environment variable${didYouMean(variable, [...names.keys()], PREFIX)}`,
      );
    }
  }
  return { given, problems };
}

function read(name: SettingName, text: string): unknown {
  switch (settings[name].kind) {
    case "number":
      return readNumber(text);
    case "boolean":
      return BOOLEANS.get(text.toLowerCase()) ?? text;
    case "list":
      return text.split(",").map((item) => item.trim());
    case "text":
      return text;
  }
}

function isFromKubernetes(variable: string, text: string): boolean {
  return SERVICE_VARIABLE.test(variable) || (variable.endsWith("_PORT") && SERVICE_ADDRESS.test(text));
}
