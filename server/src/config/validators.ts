/**
 * The kinds of value that settings have. Every message is worded to follow the value that it refuses
 * (`"12abc" is not a whole number from 1 to 1000`), since that is how problems are reported.
 */
import { domainToASCII } from "node:url";
import { z } from "zod";
import { parseAppSpec } from "./app-spec.ts";
import { formatBindAddress, parseBindAddress } from "./bind-address.ts";

// Node's timers count milliseconds in 31 bits and fire at once past that, so the sum of two durations must fit.
/** The longest duration, in seconds: eleven days. */
const MAX_SECONDS = 1_000_000;

/** A whole number within limits, both included. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  const error = `is not a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/**
 * A duration in seconds; fractions are allowed.
 *
 * @param min the least that makes sense: 0 where 0 turns the setting off, else 0.001.
 */
export function seconds(min: 0 | 0.001): z.ZodType<number> {
  const error = `is not a number of seconds from ${min} to ${MAX_SECONDS}`;
  return z.number({ error }).min(min, { error }).max(MAX_SECONDS, { error });
}

/** One of a few words. */
export function oneOf<const Words extends readonly string[]>(words: Words): z.ZodType<Words[number]> {
  return z.enum(words, { error: `is not one of ${words.join(", ")}` });
}

/** Yes or no. */
export function yesOrNo(): z.ZodType<boolean> {
  return z.boolean({ error: "is not true or false" });
}

/** Text that is not empty and has no control characters, at most `max` characters long. */
export function text(max: number): z.ZodType<string> {
  return z
    .string({ error: "is not text" })
    .min(1, { error: "is empty" })
    .max(max, { error: `is longer than ${max} characters` })
    .regex(/^\P{Cc}*$/u, { error: "has control characters" });
}

/** The path of a file or folder, absolute or relative. */
export function filePath(): z.ZodType<string> {
  return text(4096);
}

/** Where a debugger connects, `HOST:PORT`, `[IPV6]:PORT` or `PORT` on 127.0.0.1, in the form of the first two. */
export function inspectAddress(): z.ZodType<string> {
  return checked((value) => {
    const address = parseBindAddress(value);
    if (address.kind === "unix" || address.host === undefined)
      throw new Error("is not [HOST:]PORT, where a debugger connects");
    return formatBindAddress(address);
  });
}

/** A bit mask of permissions: text in octal digits, as `umask` of a shell takes it, or a number; becomes the text. */
export function permissionMask(): z.ZodType<string> {
  const error = "is not a mask in octal, from 0 to 0777";
  return z
    .union([z.string(), z.number()], { error })
    .transform((value) => (typeof value === "number" ? value.toString(8) : value.replace(/^0o/, "")))
    .pipe(z.string().regex(/^0*[0-7]{1,3}$/, { error }))
    .transform((digits) => digits.replace(/^0+/, "").padStart(4, "0"));
}

/** The path of a unix socket, with or without `unix:` before it. */
export function socketPath(): z.ZodType<string> {
  return checked((value) => {
    const file = value.replace(/^unix:/, "");
    if (file === "" || file.includes("\0")) throw new Error("is not the path of a socket");
    return file;
  });
}

/** One or more addresses to listen on, each in its canonical form. */
export function addresses(): z.ZodType<string[]> {
  const address = checked((value) => formatBindAddress(parseBindAddress(value)));
  return z.array(address, { error: "is not a list" }).min(1, { error: "is an empty list" });
}

const HOST_NAME = /^\.?(?:[\w-]+\.)*[\w-]+$/;

/** Names of hosts, in small letters: `NAME`, `.NAME` for it and its subdomains, or `*`. */
export function hostNames(): z.ZodType<string[]> {
  const name = checked((value) => {
    if (value === "*") return value;
    // As they stand in a Host: a name in other letters than ASCII's is written in them (xn--...).
    const dot = value.startsWith(".") ? "." : "";
    const ascii = dot + domainToASCII(value.slice(dot.length)).replace(/\.$/, "");
    if (!HOST_NAME.test(ascii) || value.includes("/"))
      throw new Error("is not a host name: write NAME, .NAME or *, without a port");
    return ascii;
  });
  return z.array(name, { error: "is not a list" });
}

/** Specs of dirty apps, as they were written. */
export function appSpecs(): z.ZodType<string[]> {
  const spec = checked((value) => {
    parseAppSpec(value);
    return value;
  });
  return z.array(spec, { error: "is not a list" });
}

/** Names of actions. */
export function actionNames(): z.ZodType<string[]> {
  return z.array(text(256), { error: "is not a list" });
}

/** Units of resources by name, given as objects (`{ gpu: ["0", "1"] }`) or as text (`gpu=0,1`). */
export function resourcePools(): z.ZodType<Record<string, string[]>> {
  const pool = z.custom<unknown>().transform((value, context) => {
    try {
      return typeof value === "string" ? parsePool(value) : checkPools(value);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
  return z.array(pool, { error: "is not a list" }).transform((pools, context) => {
    const all = pools.flatMap((one) => Object.entries(one));
    const twice = all.find(([name], index) => all.findIndex(([other]) => other === name) !== index);
    if (twice === undefined) return Object.fromEntries(all);
    context.addIssue({ code: "custom", message: `names the resource ${twice[0]} more than once` });
    return z.NEVER;
  });
}

const RESOURCE_NAME = /^[a-z][a-z0-9_]*$/;
const RESOURCE_UNIT = /^[\w.:-]+$/;

function parsePool(text: string): Record<string, string[]> {
  const [name = "", units = "", ...rest] = text.split("=");
  if (units === "" || rest.length > 0) throw new Error("is not of the form NAME=ID,ID");
  return checkPools({ [name]: units.split(",") });
}

function checkPools(value: unknown): Record<string, string[]> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("is neither an object nor text of the form NAME=ID,ID");
  return Object.fromEntries(
    Object.entries(value).map(([name, units]: [string, unknown]) => {
      if (!RESOURCE_NAME.test(name))
        throw new Error(`has "${name}" where a resource's name belongs: small letters, digits and _`);
      if (!Array.isArray(units)) throw new Error(`has no list of units for ${name}`);
      const ids = units.map(String);
      const bad = ids.find((id) => !RESOURCE_UNIT.test(id));
      if (bad !== undefined) throw new Error(`has "${bad}" where a unit of ${name} belongs`);
      if (new Set(ids).size !== ids.length) throw new Error(`names a unit of ${name} more than once`);
      return [name, ids];
    }),
  );
}

/** Text that `read` understands and may rewrite; what `read` throws is the problem. */
function checked(read: (value: string) => string): z.ZodType<string> {
  return z.string({ error: "is not text" }).transform((value, context) => {
    try {
      return read(value);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
}
