/** A page without its blocks of code, whose text means nothing to Markdown. */
export function withoutBlocks(page: string): string {
  return page.replace(/^```.*?^```$/gms, "");
}

/** What stands between backticks in a text without blocks. */
export function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}

/**
 * The rows of the table with these headings, each as its cells.
 * @throws Error when the page has no such table.
 */
export function tableRows(page: string, ...headings: string[]): string[][] {
  const lines = page.split("\n");
  const first = lines.indexOf(`| ${headings.join(" | ")} |`);
  if (first === -1) throw new Error(`there is no table of ${headings.join(", ")}`);
  const rows = lines.slice(first + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end === -1 ? undefined : end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The anchors that GitHub gives a page's headings. */
export function anchors(page: string): string[] {
  return [...withoutBlocks(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
