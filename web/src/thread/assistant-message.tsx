import { MessagePrimitive, useAuiState } from "@assistant-ui/react";
import { type JSX, memo, useMemo } from "react";
import { readFacts } from "../runtime/answer-facts.ts";
import { AnswerFooter } from "./answer-footer.tsx";
import { Failure } from "./failure.tsx";
import { Markdown } from "./markdown.tsx";
import { textOf } from "./message-text.ts";
import { Waiting } from "./queue-place.tsx";
import { Thinking } from "./thinking.tsx";

/** An answer: what was thought, what is said, how it went. */
export const AssistantMessage = memo(function AssistantMessage(): JSX.Element {
  const text = useAuiState((s) => textOf(s.message, "text"));
  const thought = useAuiState((s) => textOf(s.message, "reasoning"));
  const running = useAuiState((s) => s.message.status?.type === "running");
  const stopped = useAuiState(
    (s) => s.message.status?.type === "incomplete" && s.message.status.reason === "cancelled",
  );
  const custom = useAuiState((s) => s.message.metadata.custom);
  const facts = useMemo(() => readFacts(custom), [custom]);
  const silent = running && (facts.reconnecting || (text === "" && thought === ""));

  return (
    <MessagePrimitive.Root className="answer group" data-running={running ? "" : undefined}>
      <h2 className="sr-only">Answer</h2>
      {thought !== "" && <Thinking text={thought} running={running && text === ""} ms={facts.thinkingMs} />}
      {text !== "" && <Markdown text={text} running={running} />}
      {silent && <Waiting facts={facts} />}
      {facts.failure !== undefined && !running && <Failure failure={facts.failure} />}
      {!running && <AnswerFooter facts={facts} stopped={stopped} text={text} />}
    </MessagePrimitive.Root>
  );
});
