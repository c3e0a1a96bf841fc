import type { JSX } from "react";
import type { AnswerFacts } from "../runtime/answer-facts.ts";

/** What there is to say while no text comes: where the question waits, or that the connection is being made. */
export function Waiting({ facts }: { facts: AnswerFacts }): JSX.Element {
  return (
    <p className="waiting">
      <span className="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span className={facts.queuePlace === undefined && !facts.reconnecting ? "late" : undefined}>
        {wordsFor(facts)}
      </span>
    </p>
  );
}

function wordsFor({ reconnecting, queuePlace }: AnswerFacts): string {
  if (reconnecting) return "Reconnecting…";
  if (queuePlace === undefined) return "Connecting…";
  return queuePlace === 1 ? "Next in the queue" : `Place ${queuePlace} in the queue`;
}
