import ts from "typescript";
import { describe, expect, expectTypeOf, test } from "vitest";
import * as api from "../../src/index.ts";
import { codeSpans, tableRows } from "./markdown.ts";
import { pages, read } from "./pages.ts";

/** Every error class that is exported, with its code and HTTP status. */
const errors = Object.entries(api).flatMap(([name, value]) => {
  if (typeof value !== "function" || !(value.prototype instanceof Error)) return [];
  const { code, statusCode: status } = new (value as typeof api.DirtyError)("");
  return [{ name, code, status }];
});

/** The names that the public API exports only as types. */
function exportedTypes(): string[] {
  const file = ts.createSourceFile("index.ts", read("server/src/index.ts"), ts.ScriptTarget.Latest);
  return file.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement)) throw new Error("index.ts holds more than exports");
    const { exportClause, isTypeOnly } = statement;
    if (exportClause === undefined || !ts.isNamedExports(exportClause))
      throw new Error("an export without names");
    return exportClause.elements
      .filter((element) => isTypeOnly || element.isTypeOnly)
      .map((element) => element.name.text);
  });
}

// A change of one of these lists changes what users' programs are written against.
describe("the public API", () => {
  test("exports these values and no others", () => {
    expect(Object.keys(api).sort()).toEqual([
      "DirtyApp",
      "DirtyAppError",
      "DirtyAppNotFoundError",
      "DirtyCancelledError",
      "DirtyClient",
      "DirtyConnectionError",
      "DirtyDrainingError",
      "DirtyError",
      "DirtyNoWorkersAvailableError",
      "DirtyProtocolError",
      "DirtyQueueFullError",
      "DirtyQueueTimeoutError",
      "DirtyStreamGoneError",
      "DirtyStreamNotFoundError",
      "DirtyTimeoutError",
      "DirtyWorkerError",
      "StashError",
      "StashFullError",
      "StashTableNotFoundError",
      "createStreamId",
      "defineConfig",
      "dirty",
      "getDirtyClient",
      "getLogger",
      "stash",
    ]);
  });

  test("exports these types and no others", () => {
    expect(exportedTypes().sort()).toEqual([
      "CallOptions",
      "DirtyActions",
      "DirtyAppClient",
      "DirtyAppStatus",
      "DirtyRequest",
      "DirtyResult",
      "DirtyStatus",
      "DirtyStatusCode",
      "DirtyStream",
      "ExitedWorker",
      "HookServer",
      "HookWorker",
      "Hooks",
      "ResumeOptions",
      "ServerWorker",
      "Settings",
      "Stash",
      "StashEntryOptions",
      "StashInfo",
      "StashTable",
      "StashTableOptions",
      "TsunicornConfig",
    ]);
  });

  // The compiler checks these: `npm run check` fails where one is wrong.
  test("has these members", () => {
    expectTypeOf<keyof api.DirtyApp>().toEqualTypeOf<"request" | "init" | "close">();
    expectTypeOf<keyof typeof api.DirtyApp>().toEqualTypeOf<
      "prototype" | "workers" | "concurrency" | "resources" | "continues" | "stashes"
    >();
    expectTypeOf<keyof api.DirtyClient>().toEqualTypeOf<
      "execute" | "stream" | "resume" | "cancel" | "with" | "status"
    >();
    expectTypeOf<Exclude<keyof api.DirtyError, keyof Error>>().toEqualTypeOf<
      "code" | "details" | "expected" | "retryAfter" | "statusCode" | "headers"
    >();
    expectTypeOf<api.DirtyStatus>().toEqualTypeOf<{ ready: boolean; apps: api.DirtyAppStatus[] }>();
    expectTypeOf<api.DirtyAppStatus>().toEqualTypeOf<{ app: string; workers: number }>();
    expectTypeOf<api.CallOptions>().toEqualTypeOf<{
      signal?: AbortSignal;
      timeout?: number;
      requestId?: string;
      streamId?: string;
      onQueued?: (position: number) => void;
    }>();
    expectTypeOf<api.ResumeOptions>().toEqualTypeOf<{
      after?: number;
      signal?: AbortSignal;
      requestId?: string;
      onQueued?: (position: number) => void;
    }>();
    expectTypeOf<keyof api.DirtyStream<string>>().toEqualTypeOf<
      "accepted" | "batches" | "then" | typeof Symbol.asyncIterator
    >();
    expectTypeOf(api.createStreamId).toEqualTypeOf<() => string>();
    expectTypeOf<api.DirtyRequest>().toEqualTypeOf<{
      readonly id: string;
      readonly signal: AbortSignal;
      readonly deadline: number;
      readonly emitted: readonly unknown[];
    }>();
    expectTypeOf<keyof api.Stash>().toEqualTypeOf<
      | "put"
      | "get"
      | "delete"
      | "exists"
      | "keys"
      | "clear"
      | "info"
      | "ensure"
      | "deleteTable"
      | "tables"
      | "incr"
      | "compareAndSet"
      | "table"
    >();
    expectTypeOf<keyof api.StashTable>().toEqualTypeOf<
      Exclude<keyof api.Stash, "tables" | "table"> | "name"
    >();
    expectTypeOf<api.StashEntryOptions>().toEqualTypeOf<{ ttl?: number }>();
    expectTypeOf<api.StashTableOptions>().toEqualTypeOf<{
      maxEntries?: number;
      maxBytes?: number;
      ttl?: number;
    }>();
    expectTypeOf<api.StashInfo>().toEqualTypeOf<{
      table: string;
      size: number;
      bytes: number;
      maxEntries: number;
      maxBytes: number;
      ttl: number | undefined;
    }>();
    expectTypeOf(api.stash).toEqualTypeOf<api.Stash>();
    expectTypeOf(api.defineConfig).toEqualTypeOf<(config: api.TsunicornConfig) => api.TsunicornConfig>();
    expectTypeOf(api.getDirtyClient).toEqualTypeOf<() => api.DirtyClient>();
    expectTypeOf(api.dirty<api.DirtyApp>).toEqualTypeOf<(spec: string) => api.DirtyAppClient<api.DirtyApp>>();
    expectTypeOf(api.getLogger).returns.toHaveProperty("child");
  });
});

describe("docs/dirty-apps.md", () => {
  const page = read("docs/dirty-apps.md");
  const firstColumn = (...headings: string[]) =>
    tableRows(page, ...headings).flatMap(([cell = ""]) => codeSpans(cell));

  test("lists every error class with its code and status", () => {
    const listed = tableRows(page, "class", "code", "status", "when").map(
      ([name = "", code = "", status = ""]) => ({
        name: codeSpans(name).join(),
        code: codeSpans(code).join(),
        status: Number(status),
      }),
    );
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
    expect(listed.sort(byName)).toEqual(errors.sort(byName));
  });

  test("lists every field of a request", () => {
    const fields: Record<keyof api.DirtyRequest, true> = {
      id: true,
      signal: true,
      deadline: true,
      emitted: true,
    };
    expect(firstColumn("field", "meaning").sort()).toEqual(Object.keys(fields).sort());
  });

  test("lists every option of a call", () => {
    const options: Record<keyof api.CallOptions, true> = {
      signal: true,
      timeout: true,
      requestId: true,
      streamId: true,
      onQueued: true,
    };
    expect(firstColumn("option", "meaning").sort()).toEqual(Object.keys(options).sort());
  });
});

test("docs/stash.md describes every operation", () => {
  const listed = tableRows(read("docs/stash.md"), "operation", "result").flatMap(([cell = ""]) =>
    codeSpans(cell).map((span) => span.slice(0, span.indexOf("("))),
  );
  expect(listed.sort()).toEqual(Object.keys(api.stash).sort());
});

test("server/README.md lists every export", () => {
  const listed = tableRows(read("server/README.md"), "export", "what it is").flatMap(([cell = ""]) =>
    codeSpans(cell),
  );
  expect(listed.sort()).toEqual(Object.keys(api).sort());
});

test.each(pages)("%s names no error that is not exported", (page) => {
  const named = read(page).match(/\b(?:Dirty|Stash)\w+Error\b/g) ?? [];
  expect(errors.map(({ name }) => name)).toEqual(expect.arrayContaining(named));
});
