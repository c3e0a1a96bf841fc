import { parseArgs } from "node:util";

/** What the bench was asked for. */
export interface Options {
  /** Measures to run; empty for all. */
  only: string[];
  pairs: number;
  /** Node's binary for the servers. */
  node: string;
  /** Where the JSON goes; null for a new file in bench/results. */
  json: string | null;
  quick: boolean;
  help: boolean;
}

/** Default number of pairs of runs per measure. */
export const DEFAULT_PAIRS = 5;

/**
 * Reads the command line.
 * @param measures names that `--only` may give
 * @throws Error that says which flag is wrong
 */
export function parseCommandLine(args: string[], measures: readonly string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string", multiple: true, default: [] },
      pairs: { type: "string" },
      node: { type: "string", default: process.execPath },
      json: { type: "string" },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  for (const name of values.only)
    if (!measures.includes(name)) throw new Error(`--only ${name}: there are ${measures.join(", ")}`);
  const pairs = Number(values.pairs ?? (values.quick ? 1 : DEFAULT_PAIRS));
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error(`--pairs ${values.pairs}: must be 1 or more`);
  return {
    only: values.only,
    pairs,
    node: values.node,
    json: values.json ?? null,
    quick: values.quick,
    help: values.help,
  };
}

/** The text of `--help`. */
export function usage(measures: readonly string[]): string {
  return `npm run bench -- [flags]

  --only NAME   run this measure only; may be repeated: ${measures.join(", ")}
  --pairs N     pairs of runs, ours and the other side's (${DEFAULT_PAIRS})
  --node PATH   another Node for the servers of both sides
  --json FILE   where to write the figures (a new file in bench/results)
  --quick       one pair of tiny runs, to see that the bench works; the figures mean nothing
  --help        this text
`;
}
