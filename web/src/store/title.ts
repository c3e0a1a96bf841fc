const LONGEST = 50;

/** A conversation's title: the beginning of its first question, cut at a word. */
export function titleOf(question: string): string {
  const line = question.replace(/\s+/g, " ").trim();
  if (line.length <= LONGEST) return line;
  const cut = line.slice(0, LONGEST + 1);
  const space = cut.lastIndexOf(" ");
  // A word that alone is longer is cut; never through a character of two halves.
  const end =
    space > LONGEST / 2 ? cut.slice(0, space) : cut.slice(0, LONGEST).replace(/[\uD800-\uDBFF]$/, "");
  return `${end.replace(/[\s,;:.–-]+$/, "")}…`;
}
