import { statSync } from "node:fs";
import { isGunicornsName, isInPython, parseAppSpec } from "./app-spec.ts";
import { MAX_SOCKET_PATH_BYTES, parseBindAddress } from "./bind-address.ts";
import { describeSource } from "./layer.ts";
import type { Resolved } from "./resolve.ts";
import type { SettingName, Settings } from "./settings.ts";

/** Something that no setting alone can be blamed for, or that shows only once paths are absolute. */
interface Rule {
  /** The setting that the problem is reported under. */
  readonly about: SettingName;
  /** The settings that must be valid for the rule to make sense. */
  readonly needs: readonly SettingName[];
  /** The reasons why the settings cannot be used; none where they can. */
  readonly find: (settings: Settings) => readonly string[];
}

const RULES: readonly Rule[] = [
  {
    about: "chdir",
    needs: ["chdir"],
    find: ({ chdir }) => (isFolder(chdir) ? [] : [`no such folder: ${chdir}`]),
  },
  {
    about: "bind",
    needs: ["bind"],
    find: ({ bind }) => [...repeated(bind.filter(isFixed)), ...socketPaths(bind).flatMap(tooLong)],
  },
  {
    about: "dirtyBind",
    needs: ["dirtyBind"],
    find: ({ dirtyBind }) => (dirtyBind === undefined ? [] : tooLong(dirtyBind)),
  },
  {
    about: "dirtySocket",
    needs: ["dirtySocket"],
    find: ({ dirtySocket }) => (dirtySocket === undefined ? [] : tooLong(dirtySocket)),
  },
  {
    about: "dirtyBind",
    needs: ["dirtyBind", "dirtySocket"],
    find: ({ dirtyBind, dirtySocket }) =>
      dirtyBind === undefined || dirtySocket === undefined
        ? []
        : ["there is nothing to bind: with dirtySocket the dirty arbiter is Gunicorn's"],
  },
  {
    about: "dirtyApps",
    needs: ["dirtyApps", "dirtySocket"],
    find: ({ dirtyApps, dirtySocket }) =>
      dirtySocket === undefined
        ? []
        : dirtyApps
            .filter((spec) => !isGunicornsName(spec))
            .map(
              (spec) =>
                `${JSON.stringify(spec)} is not an app of a Gunicorn, as module:Class, and with dirtySocket this server runs none itself`,
            ),
  },
  {
    about: "controlSocket",
    needs: ["controlSocket"],
    find: ({ controlSocket }) => (controlSocket === undefined ? [] : tooLong(controlSocket)),
  },
  {
    about: "headersTimeout",
    needs: ["headersTimeout", "requestTimeout"],
    find: ({ headersTimeout, requestTimeout }) =>
      headersTimeout <= requestTimeout
        ? []
        : [`${headersTimeout} is longer than requestTimeout, ${requestTimeout}, of which it is a part`],
  },
  {
    about: "dirtyApps",
    needs: ["dirtyApps", "chdir"],
    find: ({ dirtyApps, chdir }) => repeated(dirtyApps.map((spec) => parseAppSpec(spec, chdir).name)),
  },
  {
    about: "dirtyWorkers",
    needs: ["dirtyApps", "dirtyWorkers", "dirtySocket"],
    find: ({ dirtyApps, dirtyWorkers, dirtySocket }) => {
      if (dirtySocket !== undefined)
        return dirtyWorkers === 0
          ? []
          : [
              `${dirtyWorkers} would have nothing to run, since with dirtySocket the dirty apps are in Gunicorn`,
            ];
      // Those in Python have workers of their own.
      const inNode = dirtyApps.some((spec) => !isInPython(spec));
      if (inNode) return dirtyWorkers > 0 ? [] : ["0 leaves no worker to run the dirty apps"];
      return dirtyWorkers === 0 || dirtyApps.length > 0
        ? []
        : [`${dirtyWorkers} would have nothing to run, since dirtyApps has no app`];
    },
  },
];

/** Finds settings that are each possible but not together. */
export function findConflicts({ settings, sources, invalid }: Resolved): string[] {
  return RULES.filter((rule) => rule.needs.every((name) => !invalid.has(name))).flatMap((rule) =>
    rule
      .find(settings)
      .map((reason) => `${rule.about}: ${reason} (from ${describeSource(sources[rule.about])})`),
  );
}

function repeated(names: readonly string[]): string[] {
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  return [...new Set(twice)].map((name) => `${JSON.stringify(name)} is given more than once`);
}

/** Port 0 is another port each time. */
function isFixed(address: string): boolean {
  const parsed = parseBindAddress(address);
  return parsed.kind === "unix" || parsed.port !== 0;
}

function socketPaths(bind: readonly string[]): string[] {
  return bind.map(parseBindAddress).flatMap((address) => (address.kind === "unix" ? [address.path] : []));
}

function tooLong(file: string): string[] {
  const bytes = Buffer.byteLength(file);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return [];
  return [`${file} has ${bytes} bytes, but a socket's path may have ${MAX_SOCKET_PATH_BYTES} at most`];
}

function isFolder(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
