/** An error and its causes in one line, for messages that cross to a process or a terminal without a stack. */
export function explain(error: unknown): string {
  const said: string[] = [];
  const seen = new Set<unknown>();
  let at = error;
  do {
    seen.add(at);
    // An error may have no text: then it is its kind that says something.
    const message = at instanceof Error ? at.message || at.name : String(at);
    // Many an error says its cause's message itself.
    if (!said.at(-1)?.endsWith(message)) said.push(message);
    at = at instanceof Error ? at.cause : undefined;
  } while (at !== undefined && !seen.has(at));
  return said.join(": ").replace(/\s*\n\s*/g, " ");
}
