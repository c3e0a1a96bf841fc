/** Marks where a text was cut. */
const CUT = "…";

/** What every line has. Of each, escapes and all, there is room for a part. */
const USUAL = ["level", "time", "pid", "role", "msg"];

/**
 * Shortens a line of the log that has to fit into a number of bytes: its longest texts are cut, so that JSON stays JSON.
 * @param line with its newline.
 */
export function shortenLine(line: string, bytes: number): string {
  const parsed = parse(line);
  if (parsed === undefined) return `${cut(line.trimEnd(), bytes - 1)}\n`;
  // Escapes make a text longer in JSON than it is.
  for (let most = bytes; most >= 16; most /= 2) {
    const shorter = `${JSON.stringify(parsed, (_, value) => (typeof value === "string" ? cut(value, most) : value))}\n`;
    if (Buffer.byteLength(shorter) <= bytes) return shorter;
  }
  // It has more fields than fit, even without their texts.
  const kept = USUAL.map((name): [string, unknown] => [name, parsed[name]])
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([name, value]) => [name, typeof value === "string" ? cut(value, bytes / 32) : value]);
  return `${JSON.stringify(Object.fromEntries(kept))}\n`;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value))
      : undefined;
  } catch {
    return undefined;
  }
}

function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const most = bytes - Buffer.byteLength(CUT);
  const kept = Buffer.from(text).subarray(0, most).toString();
  // Of a character that was cut in two nothing is left.
  return `${kept.replace(/\uFFFD+$/, "")}${CUT}`;
}
