import { expect, test } from "vitest";
import { type Column, renderPairs, renderTable } from "../../src/cli/ctl-table.ts";

const columns: Column[] = [
  { head: "PID", value: "pid", right: true },
  { head: "STATE", value: "state" },
  { head: "APPS", value: "apps" },
];
const rows = [
  { pid: 7, state: "ready", apps: ["one:One", "two:Two", "three:Three"] },
  { pid: 123, state: "starting", apps: [] },
];

test("columns stand under their headings, numbers to the right", () => {
  expect(renderTable(columns, rows, 80)).toBe(
    ["PID  STATE     APPS", "  7  ready     one:One, two:Two, three:Three", "123  starting  -", ""].join(
      "\n",
    ),
  );
});

test("where the terminal is narrow, the last column goes on below itself", () => {
  expect(renderTable(columns, rows, 36)).toBe(
    [
      "PID  STATE     APPS",
      "  7  ready     one:One, two:Two,",
      "               three:Three",
      "123  starting  -",
      "",
    ].join("\n"),
  );
});

test("a name that is longer than the line is left whole", () => {
  const long = "x".repeat(60);
  expect(renderTable(columns, [{ pid: 1, state: "ready", apps: [long] }], 40)).toContain(long);
});

test("pairs stand in two columns", () => {
  expect(
    renderPairs(
      [
        ["name", "shop"],
        ["restarts", "a b c d e f g h i j k l"],
      ],
      32,
    ),
  ).toBe(["name      shop", "restarts  a b c d e f g h i j k", "          l", ""].join("\n"));
});
