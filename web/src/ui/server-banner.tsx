import { type JSX, useEffect, useState } from "react";
import { useServerGone } from "../runtime/use-server.ts";

const BACK_MS = 4000;

/** Says that the server is gone while it is, and for a moment that it is back. */
export function ServerBanner(): JSX.Element {
  const isGone = useServerGone();
  const [wasGone, setWasGone] = useState(false);
  useEffect(() => {
    if (isGone) setWasGone(true);
    if (isGone || !wasGone) return;
    const timer = setTimeout(() => setWasGone(false), BACK_MS);
    return () => clearTimeout(timer);
  }, [isGone, wasGone]);
  return (
    <div role="status">
      {isGone && <p className="banner gone">The server cannot be reached. Trying again…</p>}
      {!isGone && wasGone && <p className="banner back">The server is back.</p>}
    </div>
  );
}
