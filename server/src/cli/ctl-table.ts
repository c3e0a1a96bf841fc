import { type Format, plain, type Row } from "./ctl-rows.ts";

const GAP = "  ";
/** The last column is never made narrower than this, whatever the terminal. */
const LEAST_WIDTH = 20;

/** A column of a table. */
export interface Column {
  readonly head: string;
  /** The field that it shows, or how to make its text of the whole row. */
  readonly value: string | ((row: Row) => string);
  /** How the field becomes text; default: as it is. */
  readonly format?: Format;
  /** Numbers stand right. */
  readonly right?: true;
}

/**
 * Renders rows under their headings. Where a line would be wider than the terminal, the last column goes on below
 * itself.
 */
export function renderTable(columns: readonly Column[], rows: readonly Row[], width: number): string {
  const cells = rows.map((row) => columns.map((column) => textOf(column, row)));
  const table = [columns.map(({ head }) => head), ...cells];
  const widths = columns.map((_, at) => Math.max(...table.map((line) => line[at]?.length ?? 0)));
  const last = columns.length - 1;
  const before = widths.slice(0, last).reduce((sum, one) => sum + one + GAP.length, 0);
  const room = Math.max(LEAST_WIDTH, width - before);
  return table
    .flatMap((line) => {
      const start = line
        .slice(0, last)
        .map((cell, at) => pad(cell, widths[at] ?? 0, columns[at]))
        .map((cell) => cell + GAP)
        .join("");
      const end = columns[last]?.right ? pad(line[last] ?? "", widths[last] ?? 0, columns[last]) : line[last];
      return wrap(end ?? "", room).map((part, index) => (index === 0 ? start : " ".repeat(before)) + part);
    })
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

/** Renders names and values in two columns. */
export function renderPairs(
  pairs: readonly (readonly [name: string, value: string])[],
  width: number,
): string {
  const names = Math.max(...pairs.map(([name]) => name.length));
  const room = Math.max(LEAST_WIDTH, width - names - GAP.length);
  return pairs
    .flatMap(([name, value]) =>
      wrap(value, room).map((part, index) => `${(index === 0 ? name : "").padEnd(names)}${GAP}${part}\n`),
    )
    .join("");
}

function textOf({ value, format = plain }: Column, row: Row): string {
  return typeof value === "function" ? value(row) : format(row[value]);
}

function pad(cell: string, width: number, column: Column | undefined): string {
  return column?.right ? cell.padStart(width) : cell.padEnd(width);
}

/** Breaks at spaces; a word that is too long for a line is left whole, so that it can be copied. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
