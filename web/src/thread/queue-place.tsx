import type { JSX } from "react";
import type { AnswerFacts } from "../runtime/answer-facts.ts";

/** What there is to say while no text comes: where the question waits, or that the connection is being made. */
export function Waiting({ facts }: { facts: AnswerFacts }): JSX.Element {
  const words = placeWords(facts);
  return (
    <p className="waiting">
      <span className="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span className={words === "" ? "late" : undefined}>{words === "" ? "Connecting…" : words}</span>
    </p>
  );
}

/** Where the question waits, in words. @returns an empty string where there is nothing to say of that */
export function placeWords({ reconnecting, queuePlace }: AnswerFacts): string {
  if (reconnecting) return "Reconnecting…";
  if (queuePlace === undefined) return "";
  return queuePlace === 1 ? "Next in the queue" : `Place ${queuePlace} in the queue`;
}
