import { expect, test } from "vitest";
import { readTask } from "../../src/cli/flags.ts";

test.each([
  [["main.ts"], "serve", ["main.ts"]],
  [["-h"], "help", []],
  [["main.ts", "--help", "--version"], "help", ["main.ts"]],
  [["-v"], "version", []],
  [["-w", "2", "--check-config", "main.ts"], "check-config", ["-w", "2", "main.ts"]],
  [["main.ts", "--print-config"], "print-config", ["main.ts"]],
  [["--", "--help"], "serve", ["--", "--help"]],
])("%j asks for %s", (argv, task, rest) => {
  expect(readTask(argv)).toEqual({ task, argv: rest });
});
