/** How many tokens each of {@link SHAPES} has. */
export const SHAPE_TOKENS = 20_000;

/** Words, punctuation marks and white space, as the server's own models cut their texts. */
function tokensOf(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];
}

/** Lines one after the other until there are enough tokens, and not one more. */
function untilLong(head: string, line: (index: number) => string): readonly string[] {
  const tokens = tokensOf(head);
  for (let index = 0; tokens.length < SHAPE_TOKENS; index++) tokens.push(...tokensOf(line(index)));
  return tokens.slice(0, SHAPE_TOKENS);
}

/** Answers that are hard to show as they come: each is one block of Markdown, without a blank line. As tokens. */
export const SHAPES: Readonly<Record<string, readonly string[]>> = {
  table: untilLong(
    "| n | name | job |\n|--:|---|---|\n",
    (n) => `| ${n} | worker ${n} | **keeps** its model |\n`,
  ),
  list: untilLong("", (n) => `- point ${n} says that a *worker* keeps its model\n`),
  steps: untilLong("", (n) => `${n + 1}. do step ${n}\n    - and look at \`log ${n}\`\n`),
  code: untilLong("```ts\n", (n) => `const worker${n} = start("model ${n}"); // ${n} of many\n`),
  paragraph: untilLong(
    "",
    (n) => `Sentence ${n} says that a *worker* keeps **model ${n}**, as \`run\` shows. `,
  ),
  lines: untilLong("", (n) => `Line ${n} says that a worker keeps its model\n`),
};
