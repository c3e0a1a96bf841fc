import { type core, z } from "zod";

/**
 * A list that is read up to its first wrong item. A list of zod's own looks at every item and keeps each fault: a body of
 * 1 MiB has room for hundreds of thousands, of which the client is told one.
 *
 * Every list in a body's schema has to be one of these. A test holds the routes to it.
 *
 * @param excess why no item of a list is to be read, in words that follow "Invalid value for …:"; undefined where they are.
 */
export function list<S extends z.ZodType>(
  items: S,
  {
    min = 0,
    max,
    excess,
  }: { min?: number; max: number; excess?: (values: readonly unknown[]) => string | undefined },
) {
  const { $schema: _, ...described } = z.toJSONSchema(z.array(items), { io: "input" });
  return z
    .array(z.unknown())
    .min(min)
    .max(max)
    .check((payload) => {
      // Nothing of a list is read that has too many items, or too few.
      if (payload.issues.length > 0) return;
      const { value: input } = payload;
      const message = excess?.(input);
      if (message !== undefined) payload.issues.push({ code: "custom", input, message });
      else payload.value = readItems(items, payload);
    })
    .pipe(z.custom<z.output<S>[]>())
    .meta(described);
}

// Nothing in a body's schema waits for anything. What was sent in a branch of a union is told here or nowhere.
const AT_ONCE = { async: false, reportInput: true };

// `_zod.run` is what zod's own lists call, and `safeParse` beside it costs ten times a small item: seconds, with the
// items that a body of 16 MiB has room for.
function readItems(items: z.ZodType, { value, issues }: core.ParsePayload<unknown[]>): unknown[] {
  const read: unknown[] = [];
  for (const [at, item] of value.entries()) {
    const result = items._zod.run({ value: item, issues: [] }, AT_ONCE);
    if (result instanceof Promise) throw new Error("a list's schema must not wait for anything");
    if (result.issues.length > 0) {
      issues.push(...result.issues.map((issue) => ({ ...issue, path: [at, ...(issue.path ?? [])] })));
      break;
    }
    read.push(result.value);
  }
  return read;
}
