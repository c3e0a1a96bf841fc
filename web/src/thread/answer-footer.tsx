import { ActionBarPrimitive } from "@assistant-ui/react";
import type { JSX } from "react";
import type { AnswerFacts } from "../runtime/answer-facts.ts";
import { Icon } from "../ui/icons.tsx";
import { BranchPicker } from "./branch-picker.tsx";
import { CopyButton } from "./copy-button.tsx";
import { duration } from "./duration.ts";

/** What can be done with a finished answer, and how fast it came. */
export function AnswerFooter(props: { facts: AnswerFacts; stopped: boolean; text: string }): JSX.Element {
  const { facts, stopped, text } = props;
  const said = [...(stopped ? ["Stopped"] : []), ...figures(facts)];
  return (
    <div className="actions mt-2 flex flex-wrap items-center gap-x-3 gap-y-1 text-muted">
      <div className="-ms-1.5 flex items-center gap-0.5">
        {text !== "" && <CopyButton />}
        {facts.failure === undefined && (
          <ActionBarPrimitive.Reload
            className="icon-button small"
            aria-label="Answer again"
            title="Answer again"
          >
            <Icon name="again" />
          </ActionBarPrimitive.Reload>
        )}
        <BranchPicker />
      </div>
      {said.length > 0 && <p className="text-xs tabular-nums">{said.join(" · ")}</p>}
    </div>
  );
}

/** "52 tokens/s", "118 tokens", "first after 48 ms", as far as they are known. */
export function figures({ tokens, streamingMs, firstTokenMs }: AnswerFacts): string[] {
  const said: string[] = [];
  if (tokens !== undefined && tokens > 1 && streamingMs !== undefined && streamingMs > 0)
    said.push(`${grouped(Math.round(((tokens - 1) * 1000) / streamingMs))} tokens/s`);
  if (tokens !== undefined) said.push(tokens === 1 ? "1 token" : `${grouped(tokens)} tokens`);
  if (firstTokenMs !== undefined) said.push(`first after ${duration(firstTokenMs)}`);
  return said;
}

/** 20,000 for 20000; by hand, since the browser's own way takes longer than a frame when it is first used. */
function grouped(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+$)/g, ",");
}
