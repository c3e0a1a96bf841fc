/** An object out of an answer, its fields not looked at yet. */
export type Row = Readonly<Record<string, unknown>>;

/** Whether a value is an object with fields. */
export function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object in a value; an empty one for any other value, since an older server may not send the object. */
export function row(value: unknown): Row {
  return isRow(value) ? value : {};
}

/** The objects in a list. */
export function rows(value: unknown): Row[] {
  return Array.isArray(value) ? value.filter(isRow) : [];
}

/** What stands where a value is not known. */
const UNKNOWN = "-";

/** A value as people read it. */
export type Format = (value: unknown) => string;

/** Text and numbers as they are; a list with commas. */
export const plain: Format = (value) => {
  if (Array.isArray(value)) return value.length === 0 ? UNKNOWN : value.map(plain).join(", ");
  if (typeof value === "number") return value.toLocaleString("en-US");
  return typeof value === "string" && value !== "" ? value : UNKNOWN;
};

/** A number that names something, without commas. */
export const id: Format = (value) => (typeof value === "number" ? String(value) : plain(value));

/** Seconds: `0.4s`, `42s`, `3m12s`, `2h05m`, `3d04h`. */
export const age: Format = (value) => {
  if (typeof value !== "number") return UNKNOWN;
  const sign = value < 0 ? "-" : "";
  const seconds = Math.abs(value);
  if (seconds < 9.95) return `${sign}${trim(seconds.toFixed(1))}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${sign}${whole}s`;
  if (whole < 3600) return `${sign}${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86_400) return `${sign}${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
  return `${sign}${Math.floor(whole / 86_400)}d${two(Math.floor((whole % 86_400) / 3600))}h`;
};

/** Bytes: `512 B`, `84 MiB`, `1.5 GiB`. */
export const bytes: Format = (value) => {
  if (typeof value !== "number") return UNKNOWN;
  let amount = value;
  let unit = "B";
  for (const larger of ["KiB", "MiB", "GiB", "TiB"]) {
    if (amount < 1024) break;
    amount /= 1024;
    unit = larger;
  }
  return `${unit === "B" || amount >= 10 ? Math.round(amount) : trim(amount.toFixed(1))} ${unit}`;
};

/** A share: `25%`. */
export const percent: Format = (value) =>
  typeof value === "number" ? `${Math.round(value * 100)}%` : UNKNOWN;

function trim(text: string): string {
  return text.replace(/\.0$/, "");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
