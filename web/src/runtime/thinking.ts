const OPENING = "[thinking";

/** An answer's thinking phase and what follows it. */
export interface ThoughtAnswer {
  /** Undefined where the answer begins without one. */
  readonly thinking: string | undefined;
  readonly text: string;
}

/**
 * Splits the thinking phase, `[thinking...]` at the very beginning, from the answer. One that has not ended yet
 * is all thinking; so is a beginning that may still become one.
 */
export function splitThinking(answer: string): ThoughtAnswer {
  if (!answer.startsWith(OPENING)) {
    return OPENING.startsWith(answer) && answer !== ""
      ? { thinking: "", text: "" }
      : { thinking: undefined, text: answer };
  }
  const end = answer.indexOf("]");
  if (end < 0) return { thinking: answer.slice(1), text: "" };
  return { thinking: answer.slice(1, end), text: answer.slice(end + 1).replace(/^\s+/, "") };
}
