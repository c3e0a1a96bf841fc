import { type core, z } from "zod";

/**
 * A list that is read up to its first wrong item. A list of zod's own looks at every item and keeps each fault: a body of
 * 1 MiB has room for hundreds of thousands, of which the client is told one.
 *
 * Every list in a body's schema has to be one of these. A test holds the routes to it.
 */
export function list<S extends z.ZodType>(items: S, { min = 0, max }: { min?: number; max: number }) {
  const { $schema: _, ...described } = z.toJSONSchema(z.array(items), { io: "input" });
  return z
    .array(z.unknown())
    .min(min)
    .max(max)
    .check((payload) => {
      // Nothing of a list is read that has too many items, or too few.
      if (payload.issues.length === 0) payload.value = readItems(items, payload);
    })
    .pipe(z.custom<z.output<S>[]>())
    .meta(described);
}

function readItems(items: z.ZodType, { value, issues }: core.ParsePayload<unknown[]>): unknown[] {
  const read: unknown[] = [];
  for (const [at, item] of value.entries()) {
    const result = z.safeParse(items, item, { reportInput: true });
    if (!result.success) {
      for (const issue of result.error.issues) {
        issues.push({ ...issue, path: [at, ...issue.path] } as core.$ZodRawIssue);
      }
      break;
    }
    read.push(result.data);
  }
  return read;
}
