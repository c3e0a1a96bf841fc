import type { Message } from "./model.ts";

/** The most characters of a question that are quoted. */
const MAX_QUOTED = 300;

/**
 * What the simulated model remembers of a conversation: how many questions there were, and the last of them.
 *
 * @param messages what was said before, oldest first.
 */
export function recall(messages: readonly Message[]): string {
  const questions = messages.filter(({ role }) => role === "user");
  const last = questions.at(-1);
  if (last === undefined)
    return "This is the first question of this conversation, so there is nothing yet that I could remember.";
  const count =
    questions.length === 1
      ? "You have asked me one question before this one. It was:"
      : `You have asked me ${questions.length} questions before this one. The last of them was:`;
  return `${count}\n\n${quote(last.content)}\n\nI keep nothing of it myself: the page sends what was said before along with each question.`;
}

/** A text as a quotation in Markdown, shortened. */
function quote(text: string): string {
  const characters = Array.from(text.slice(0, MAX_QUOTED * 2));
  const short = characters.slice(0, MAX_QUOTED).join("");
  const whole = short.length === text.length ? short : `${short}…`;
  return `> ${whole.split(/\r\n|\r|\n/).join("\n> ")}`;
}
