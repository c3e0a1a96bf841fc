import { ACTIONS } from "./fault-log.ts";
import { tally } from "./injector.ts";
import { type RunResult, totalMemory } from "./run.ts";

const SHOWN_VIOLATIONS = 10;
const MB = 1024 * 1024;

/** What a run found, as text for a terminal. */
export function report(result: RunResult): string {
  const { stormy, faults, reloads, violations } = result;
  const parts = [
    table(
      ["faults", ...ACTIONS, "ended by hand"],
      tally(faults.faults).map(({ kind, counts, byHand }) => [
        kind,
        ...ACTIONS.map((action) => counts[action]),
        byHand,
      ]),
    ),
    `one fault each ${Math.round(meanInterval(faults.faults.map(({ at }) => at)))} ms; reloads: ${reloads}`,
    table(["clients", "ended", "times"], rowsOf(stormy.outcomes)),
    table(["on the way", "times"], Object.entries(stormy.events)),
    `streams open at once: ${mean(stormy.open)} on average; tokens: ${stormy.tokens + result.calm.tokens}, each held to its text`,
    table(["idle server", "before", "after"], holdingRows(result)),
    table(["never", "times"], [...tallyOf(violations.map(({ what }) => nameOf(what)))]),
  ];
  const shown = violations
    .slice(0, SHOWN_VIOLATIONS)
    .map(({ who, what, at, trace }) =>
      [
        `VIOLATION ${who} at ${(at / 1000).toFixed(3)} s: ${what}`,
        ...trace.map((line) => `    ${line}`),
      ].join("\n"),
    );
  return [...parts, ...shown].filter((part) => part !== "").join("\n\n");
}

const NEVER = ["lost", "repeated", "reordered", "foreign", "altered"];

/** A violation in one or two words. */
function nameOf(what: string): string {
  const name = what.split(":")[0] ?? what;
  if (NEVER.includes(name)) return `tokens ${name}`;
  if (what.startsWith("no end within")) return "neither an end nor an error in time";
  return name.replaceAll(/\d+/g, "N");
}

function tallyOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>(NEVER.map((name) => [`tokens ${name}`, 0]));
  counts.set("neither an end nor an error in time", 0);
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function rowsOf(outcomes: Record<string, Record<string, number>>): (string | number)[][] {
  return Object.entries(outcomes).flatMap(([kind, ends]) =>
    Object.entries(ends)
      .sort(([, a], [, b]) => b - a)
      .map(([end, times], index) => [index === 0 ? kind : "", end, times]),
  );
}

function holdingRows({ before, after }: RunResult): (string | number)[][] {
  const mb = (bytes: number | undefined) => (bytes === undefined ? "?" : `${(bytes / MB).toFixed(1)} MB`);
  const kinds = Object.keys(before.memory) as (keyof typeof before.memory)[];
  return [
    ["memory (PSS)", mb(totalMemory(before)), mb(after && totalMemory(after))],
    ...kinds.map((kind) => [`  ${kind}`, mb(before.memory[kind]), mb(after?.memory[kind])]),
    ["open files of the arbiter", before.arbiterFiles, after?.arbiterFiles ?? "?"],
    ["files", before.files.length, after?.files.length ?? "?"],
  ];
}

function meanInterval(times: readonly number[]): number {
  return ((times.at(-1) ?? 0) - (times[0] ?? 0)) / Math.max(1, times.length - 1);
}

function mean(values: readonly number[]): number {
  return Math.round(values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length));
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return "";
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
  return [text[0], widths.map((width) => "-".repeat(width)).join("  "), ...text.slice(1)].join("\n");
}
