import { parseArgs } from "node:util";
import { KINDS, type Kind } from "./fault-log.ts";
import { FEATURES, type Features } from "./features.ts";

/** What the chaos was asked for. */
export interface Options {
  readonly seconds: number;
  readonly streams: number;
  /** The most words of an answer. */
  readonly words: number;
  readonly every: number;
  readonly reloadEvery: number;
  /** Kinds of processes that faults are done to. */
  readonly kinds: readonly Kind[];
  /** Undefined: a new one. */
  readonly seed: string | undefined;
  readonly features: Features;
  readonly calm: number;
  readonly help: boolean;
}

/** The text of `--help`. */
export const USAGE = `npm run chaos -- [flags]

  --seconds N        how long faults are done (600)
  --streams N        streams at once (200)
  --words N          the most words of an answer; one takes about 140 ms (80, at least 10)
  --every MS         mean time between faults (500)
  --reload-every MS  mean time between reloads (30000)
  --only KIND        does faults to this kind only; may be repeated: "http worker",
                     "dirty worker", "dirty arbiter"
  --calm N           seconds of load without faults, before and after (15)
  --seed TEXT        repeats the choices of another run
  --no-resume, --no-migration, --no-reload
                     leaves out a part
  --help             this text
`;

/**
 * Reads the command line.
 * @throws Error that says which flag is wrong.
 */
export function parseCommandLine(args: string[]): Options {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      seconds: { type: "string", default: "600" },
      streams: { type: "string", default: "200" },
      every: { type: "string", default: "500" },
      words: { type: "string", default: "80" },
      "reload-every": { type: "string", default: "30000" },
      calm: { type: "string", default: "15" },
      only: { type: "string", multiple: true, default: [] },
      seed: { type: "string" },
      resume: { type: "boolean", default: FEATURES.resume },
      migration: { type: "boolean", default: FEATURES.migration },
      reload: { type: "boolean", default: FEATURES.reload },
      help: { type: "boolean", default: false },
    },
  });
  const number = (name: "seconds" | "streams" | "every" | "reload-every" | "calm" | "words") => {
    const value = Number(values[name]);
    if (!(value > 0 && value < 1e6)) throw new Error(`--${name} ${values[name]}: must be a number above 0`);
    return value;
  };
  for (const kind of values.only)
    if (!isKind(kind)) throw new Error(`--only ${kind}: there are ${KINDS.join(", ")}`);
  return {
    kinds: values.only.length > 0 ? values.only.filter(isKind) : KINDS,
    seconds: number("seconds"),
    streams: Math.ceil(number("streams")),
    every: number("every"),
    words: Math.max(10, Math.ceil(number("words"))),
    reloadEvery: number("reload-every"),
    calm: number("calm"),
    seed: values.seed,
    features: { resume: values.resume, migration: values.migration, reload: values.reload },
    help: values.help,
  };
}

function isKind(text: string): text is Kind {
  return KINDS.some((kind) => kind === text);
}
