import type { Browser, Page } from "playwright-core";

/** How long the longest of the frames was, in ms. */
export interface LongestFrame {
  /** By the clock, from one to the next: whatever else runs on the machine makes it longer. */
  readonly clock: number;
  /** What the page's main thread itself worked for one, whatever else ran. */
  readonly work: number;
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds, like those that follow. */
  readonly ts: number;
  readonly tdur?: number;
}

const FRAME = "FireAnimationFrame";
const TASK = "RunTask";

/** Watches the frames of a page until the function that it returns is called. One page of a browser at a time. */
export async function watchFrames(browser: Browser, page: Page): Promise<() => Promise<LongestFrame>> {
  await browser.startTracing(page, {
    categories: ["-*", "devtools.timeline", "disabled-by-default-devtools.timeline"],
  });
  // Asks for every frame, so that each is an event of the trace.
  // As text: tsx, which runs the bench, gives functions in functions a helper that the page does not have.
  await page.evaluate("{ const next = () => void requestAnimationFrame(next); next(); }");
  return async () => longestOf(readTrace((await browser.stopTracing()).toString()));
}

function readTrace(json: string): readonly TraceEvent[] {
  const trace: { traceEvents?: readonly TraceEvent[] } = JSON.parse(json);
  return trace.traceEvents ?? [];
}

function longestOf(events: readonly TraceEvent[]): LongestFrame {
  const first = events.find(({ name }) => name === FRAME);
  const thread = events
    .filter(
      ({ name, pid, tid }) => (name === FRAME || name === TASK) && pid === first?.pid && tid === first.tid,
    )
    .sort((one, other) => one.ts - other.ts);
  let longest = { clock: 0, work: 0 };
  let before: number | undefined;
  let work = 0;
  for (const { name, ts, tdur } of thread) {
    if (name === TASK) {
      work += (tdur ?? 0) / 1000;
      continue;
    }
    if (before === ts) continue;
    if (before !== undefined) {
      longest = { clock: Math.max(longest.clock, (ts - before) / 1000), work: Math.max(longest.work, work) };
    }
    before = ts;
    work = 0;
  }
  if (before === undefined) throw new Error("the trace of the page has no frames");
  return longest;
}
