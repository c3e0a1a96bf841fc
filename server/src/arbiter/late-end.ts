import { monotonicMs } from "../process/clock.ts";
import type { Child } from "./child.ts";

/** Why a child that was asked to stop `ms` ago is killed, and what to do where code of the user's hangs; for the log. */
export function explainLateEnd({ ending, kind }: Pick<Child, "ending" | "kind">, ms: number): string {
  if (ending === undefined) return `it has not ended ${ms / 1000} s after it was asked to stop`;
  const seconds = ((monotonicMs() - ending.since) / 1000).toFixed(1);
  const setting = kind === "http-worker" ? "gracefulTimeout" : "dirtyGracefulTimeout";
  return `${ending.step} has not ended after ${seconds} s; give what it waits for a time limit, or raise ${setting}`;
}
