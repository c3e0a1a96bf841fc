import { useAui, useAuiState } from "@assistant-ui/react";
import { type JSX, useEffect, useState } from "react";
import { readFacts } from "../runtime/answer-facts.ts";
import { textOf } from "./message-text.ts";
import { placeWords } from "./queue-place.tsx";
import { nextSentences } from "./sentences.ts";

const EVERY_MS = 2000;
/** How many announcements stay in the page: a screen reader may still be reading the one before the last. */
const KEPT = 3;

/**
 * Tells a screen reader of an answer as it comes: whole sentences, together, at most every two seconds, where
 * it waits, and how it ended. The text on the page itself is not live, or every token would be read.
 */
export function Announcer(): JSX.Element {
  const aui = useAui();
  const answerId = useAuiState((s) => (s.thread.isRunning ? s.thread.messages.at(-1)?.id : undefined));
  const [said, setSaid] = useState<readonly { key: number; words: string }[]>([]);

  useEffect(() => {
    if (answerId === undefined) return;
    let end = 0;
    let place = "";
    const answer = () => aui.thread.getState().messages.find(({ id }) => id === answerId);
    const announce = (words: string): void => {
      if (words === "") return;
      setSaid((before) => [...before, { key: (before.at(-1)?.key ?? 0) + 1, words }].slice(-KEPT));
    };
    const next = (finished: boolean): string => {
      const spoken = nextSentences(textOf(answer(), "text"), end, finished);
      end = spoken.end;
      return spoken.words;
    };
    const newPlace = (): string => {
      const before = place;
      const last = answer();
      place = last === undefined ? "" : placeWords(readFacts(last.metadata.custom));
      return place === before ? "" : place;
    };
    const timer = setInterval(() => announce(next(false) || newPlace()), EVERY_MS);
    return () => {
      clearInterval(timer);
      // Gone from the thread when another conversation was opened: then nothing more is said of it.
      const last = answer();
      if (last === undefined) return;
      announce([next(true), endingOf(last)].filter(Boolean).join(" "));
    };
  }, [answerId, aui]);

  return (
    <div className="sr-only" id="announcer" aria-live="polite" aria-atomic="false">
      {said.map(({ key, words }) => (
        <p key={key}>{words}</p>
      ))}
    </div>
  );
}

function endingOf(answer: Parameters<typeof textOf>[0]): string {
  if (answer?.role !== "assistant") return "";
  if (answer.status.type === "incomplete" && answer.status.reason === "cancelled") return "Stopped.";
  return readFacts(answer.metadata.custom).failure?.message ?? "";
}
