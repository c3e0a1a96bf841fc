import type { Row } from "./row.ts";

const HEADINGS = ["measure", "ours", "bare", "ratio", "target", "reached", "spread"];

/** The rows as text, one line each, columns aligned. `ratio` is ours by the other side's, or ours less it. */
export function table(rows: readonly Row[]): string {
  const lines = [HEADINGS, ...rows.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [text[0], rule, ...text.slice(1)].join("\n");
}

function cells(row: Row): string[] {
  const { target, reached } = row;
  const { comparison } = target;
  const withUnit = (value: number) => `${figure(value)}${row.unit === "" ? "" : ` ${row.unit}`}`;
  const show = (value: number) => {
    if (comparison === "ratio") return `${figure(value)} ×`;
    return comparison === "difference" ? `${value < 0 ? "" : "+"}${withUnit(value)}` : figure(value);
  };
  const goal = (limit: number) => (comparison === "absolute" ? withUnit(limit) : show(limit));
  return [
    row.title,
    withUnit(row.ours),
    row.other === null ? "" : withUnit(row.other),
    comparison === "absolute" ? "" : show(row.compared),
    target.bound === "none" ? "" : `${target.bound === "at least" ? "≥" : "≤"} ${goal(target.limit)}`,
    reached === null ? "" : reached ? "yes" : "no",
    row.pairs.length < 2 ? "" : `${show(row.spread.low)} … ${show(row.spread.high)}`,
  ];
}

/** Three digits that count; whole numbers with their thousands apart. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return "?";
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toPrecision(3);
}
