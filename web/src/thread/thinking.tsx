import { type JSX, useId, useState } from "react";
import { Icon } from "../ui/icons.tsx";
import { duration } from "./duration.ts";

/**
 * What the model thought before it answered. Open while that runs, folded when the answer starts, unless the user
 * chose otherwise by hand.
 */
export function Thinking(props: { text: string; running: boolean; ms: number | undefined }): JSX.Element {
  const id = useId();
  const [chosen, setChosen] = useState<boolean>();
  const open = chosen ?? props.running;
  const title = props.running
    ? "Thinking…"
    : props.ms === undefined
      ? "Thought"
      : `Thought for ${duration(props.ms)}`;
  return (
    <section className="thinking" aria-label="Thinking">
      <button type="button" aria-expanded={open} aria-controls={id} onClick={() => setChosen(!open)}>
        <Icon name="thought" className="size-4" />
        <span className={props.running ? "pulse" : undefined}>{title}</span>
        <Icon name="right" className="fold size-4" />
      </button>
      <div id={id} hidden={!open} dir="auto">
        {props.text}
      </div>
    </section>
  );
}
