import { parseArgs } from "node:util";
import { type Given, type Layer, readNumber, type Source } from "./layer.ts";
import { SETTING_NAMES, type SettingName, settings } from "./settings.ts";
import { flagOf } from "./spelling.ts";
import { didYouMean } from "./suggest.ts";

/** What a flag does: set a setting, or turn one off (`--no-access-log`). */
interface Flag {
  readonly name: SettingName;
  readonly negative: boolean;
}

/** Everything that parseArgs says about one word of the command line, as far as it matters here. */
type Token = NonNullable<ReturnType<typeof parseArgs>["tokens"]>[number];

const LONG = new Map<string, Flag>(SETTING_NAMES.filter(isFlag).flatMap(longFlags));

/**
 * Reads the settings that a command line gives, unchecked. A flag that is given again wins over the earlier
 * one; a list's flag adds to the list.
 */
export function readFlags(argv: readonly string[]): Layer {
  const given = new Map<SettingName, Given>();
  const problems: string[] = [];
  const apps: string[] = [];
  for (const token of tokenize(argv)) {
    if (token.kind === "positional") apps.push(token.value);
    if (token.kind === "option") {
      const problem = readFlag(token, given);
      if (problem !== undefined) problems.push(problem);
    }
  }
  const [app] = apps;
  if (app !== undefined) given.set("app", { value: app, source: { kind: "argument", where: "" } });
  // After a mistake in a flag, the second argument is most likely that flag's value.
  if (apps.length > 1 && problems.length === 0) {
    problems.push(`one APP is served, but ${apps.length} were given: ${apps.join(", ")}`);
  }
  return { given, problems };
}

function readFlag(
  token: Extract<Token, { kind: "option" }>,
  given: Map<SettingName, Given>,
): string | undefined {
  const { name: word, rawName, value } = token;
  const flag = LONG.get(word);
  if (flag === undefined) return `${rawName}: unknown flag${suggestFlag(rawName)}`;
  const source: Source = { kind: "flag", where: rawName };
  const { kind } = settings[flag.name];
  if (kind === "boolean") {
    const flagText = `--${flagOf(flag.name)}`;
    if (value !== undefined)
      return `${rawName}: takes no value; write ${flagText} or --no-${flagText.slice(2)}`;
    given.set(flag.name, { value: !flag.negative, source });
    return undefined;
  }
  const { bare } = settings[flag.name];
  if (value === undefined && bare !== undefined) {
    given.set(flag.name, { value: bare, source });
    return undefined;
  }
  if (value === undefined) return `${rawName}: needs a value`;
  // A forgotten value must not swallow the next flag: that would be silent, and its effect far away.
  if (!token.inlineValue && value.startsWith("-") && value !== "-") {
    return `${rawName}: needs a value, but "${value}" follows; write ${rawName.startsWith("--") ? `${rawName}=` : rawName}${value} if that is the value`;
  }
  if (kind === "list") {
    const earlier = given.get(flag.name)?.value;
    given.set(flag.name, { value: Array.isArray(earlier) ? [...earlier, value] : [value], source });
  } else {
    given.set(flag.name, { value: kind === "number" ? readNumber(value) : value, source });
  }
  return undefined;
}

/** Not strict, since strict parsing stops at the first mistake and knows nothing of names that are near. */
function tokenize(argv: readonly string[]): Token[] {
  const options = Object.fromEntries(
    [...LONG].map(([word, { name, negative }]) => {
      const { kind, letter, bare } = settings[name];
      // What follows a flag that may stand alone is not its value: it may be the app.
      const alone = kind === "boolean" || bare !== undefined;
      const type = alone ? ("boolean" as const) : ("string" as const);
      return [word, letter === undefined || negative ? { type } : { type, short: letter }];
    }),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  return tokens;
}

function suggestFlag(rawName: string): string {
  return didYouMean(
    rawName,
    [...LONG.keys()].map((word) => `--${word}`),
  );
}

function isFlag(name: SettingName): boolean {
  return settings[name].positional !== true;
}

function longFlags(name: SettingName): [string, Flag][] {
  const word = flagOf(name);
  const flags: [string, Flag][] = [[word, { name, negative: false }]];
  if (settings[name].kind === "boolean") flags.push([`no-${word}`, { name, negative: true }]);
  return flags;
}
