import { useAui, useAuiState } from "@assistant-ui/react";
import { type JSX, useEffect, useState } from "react";
import type { Failure as FailureFacts } from "../runtime/answer-facts.ts";
import { Icon } from "../ui/icons.tsx";

/** Why there is no answer, or not all of it, and the way to try again: at once, or when the server has room. */
export function Failure({ failure }: { failure: FailureFacts }): JSX.Element {
  const aui = useAui();
  const isRunning = useAuiState((s) => s.thread.isRunning);
  const wait = useSecondsUntil(failure.retryAt);
  return (
    <div className="failure">
      <p>{failure.message}</p>
      {failure.requestId !== undefined && <p className="request">Request {failure.requestId}</p>}
      {failure.kind !== "refused" && (
        <button
          type="button"
          className="button mt-2.5"
          disabled={isRunning || wait > 0}
          onClick={() => aui.message.reload()}
        >
          <Icon name="again" className="size-4" />
          {wait > 0 ? <span className="tabular-nums">Try again in {wait} s</span> : "Try again"}
        </button>
      )}
    </div>
  );
}

/** Counts down to a moment: whole seconds, 0 once it is there. */
function useSecondsUntil(moment: number | undefined): number {
  const left = () => (moment === undefined ? 0 : Math.max(0, Math.ceil((moment - Date.now()) / 1000)));
  const [seconds, setSeconds] = useState(left);
  const done = seconds === 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `left` depends on the moment alone
  useEffect(() => {
    setSeconds(left());
    if (done) return;
    const timer = setInterval(() => setSeconds(left()), 250);
    return () => clearInterval(timer);
  }, [moment, done]);
  return seconds;
}
