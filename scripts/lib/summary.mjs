/** @typedef {{ name: string, state: string, note?: string }} Test */
/** @typedef {{ path: string, seconds: number, errors: string[], tests: Test[] }} File */
/** @typedef {{ files: File[], outside: string[] }} Report */

const COLUMNS = ["suite", "files", "passed", "failed", "skipped", "seconds"];

/** "server/test/integration/x.test.ts" belongs to "server, real processes"; other files to their first folder. */
function suiteOf(path) {
  const [folder] = path.split("/");
  return path.includes("/integration/") ? `${folder}, real processes` : folder;
}

function table(rows) {
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join("  ")
      .trimEnd(),
  );
}

/**
 * Adds up what ran. An error outside of the tests (a file that does not load, a failing hook, an unhandled rejection)
 * counts as one that failed.
 * @param {Report} report
 * @param {{ byName?: boolean }} [options] byName: tests were chosen by their names, so most are skipped without
 *   a reason, and only those with one are listed
 * @returns {{ lines: string[], passed: number, failed: number, skipped: number }} lines: skips by name, a table,
 *   and last the plain line with the counts
 */
export function summarise(report, { byName = false } = {}) {
  const suites = new Map();
  const skips = [];
  for (const file of report.files) {
    const name = suiteOf(file.path);
    const suite = suites.get(name) ?? { files: 0, passed: 0, failed: 0, skipped: 0, seconds: 0 };
    suites.set(name, suite);
    suite.files += 1;
    suite.seconds += file.seconds;
    suite.failed += file.errors.length;
    for (const test of file.tests) {
      if (test.state === "passed") suite.passed += 1;
      else if (test.state === "failed") suite.failed += 1;
      else {
        suite.skipped += 1;
        if (byName && test.note === undefined) continue;
        skips.push(`skipped: ${file.path}: ${test.name}: ${test.note ?? "no reason given"}`);
      }
    }
  }
  const total = (field) => [...suites.values()].reduce((sum, suite) => sum + suite[field], 0);
  const counts = {
    passed: total("passed"),
    failed: total("failed") + report.outside.length,
    skipped: total("skipped"),
  };
  const rows = [...suites].map(([name, suite]) => [
    name,
    ...[suite.files, suite.passed, suite.failed, suite.skipped].map(String),
    suite.seconds.toFixed(1),
  ]);
  if (report.outside.length > 0)
    rows.push(["outside of tests", "", "", String(report.outside.length), "", ""]);
  const lines = [
    ...skips,
    ...(skips.length > 0 ? [""] : []),
    ...table([COLUMNS, ...rows]),
    "",
    `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`,
  ];
  return { lines, ...counts };
}
