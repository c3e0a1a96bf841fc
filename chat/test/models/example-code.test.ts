import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterEach, describe, expect, it } from "vitest";
import { answerTo, EXAMPLE_APP, EXAMPLE_CALL } from "../../src/models/answers.ts";

// Inside the repository, so that "tsunicorn" is found, but where git looks away.
const CACHE = fileURLToPath(new URL("../../../.cache/", import.meta.url));

describe("the program in the answer about code", () => {
  let folder: string | undefined;

  afterEach(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it("is shown whole", () => {
    const answer = answerTo("code").join("");
    expect(answer).toContain(EXAMPLE_APP);
    expect(answer).toContain(EXAMPLE_CALL);
  });

  it("compiles against the server's types", async () => {
    await mkdir(CACHE, { recursive: true });
    folder = await mkdtemp(join(CACHE, "example-"));
    await writeFile(join(folder, "counter.ts"), EXAMPLE_APP);
    await writeFile(join(folder, "call.ts"), EXAMPLE_CALL);
    const program = ts.createProgram([join(folder, "call.ts")], {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      strict: true,
      noImplicitOverride: true,
      verbatimModuleSyntax: true,
      allowImportingTsExtensions: true,
      noEmit: true,
      skipLibCheck: true,
      types: ["node"],
    });
    const messages = ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    expect(messages).toEqual([]);
  });
});
