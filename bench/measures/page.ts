import type { Browser } from "playwright-core";
import { chromiumPath, launchBrowser, NO_CHROMIUM } from "../../e2e/support/browser.ts";
import { ask } from "../../e2e/support/chat.ts";
import { ChatPage } from "../../e2e/support/chat-page.ts";
import { type LongestFrame, watchFrames } from "../../e2e/support/frames.ts";
import { askAndSettle } from "../../e2e/support/long-answer.ts";
import { SHAPE_TOKENS, SHAPES } from "../../e2e/support/shapes.ts";
import type { Bench, Measure } from "../measure.ts";
import { chatPlan, shapesPlan } from "../plans.ts";
import { makeRow, type Row } from "../row.ts";
import { Server, type ServerPlan } from "../servers.ts";

const QUICK_TOKENS = 500;
/** A longer frame is seen as a jerk. */
const TARGET = { comparison: "absolute", bound: "at most", limit: 100 } as const;

/** The longest frame of each run, by what is shown. */
type Frames = Map<string, LongestFrame[]>;

/**
 * How long the chat page stands still while an answer comes at full speed: answers of the simulated model, and answers
 * that are one block of Markdown each. The page's own time is told beside: whatever else runs on the machine makes a
 * frame longer by the clock, never that.
 */
export const page: Measure = {
  name: "page",
  async run(bench) {
    if (chromiumPath === undefined) {
      bench.note(`page was left out: ${NO_CHROMIUM}`);
      return [];
    }
    const tokens = bench.quick ? QUICK_TOKENS : SHAPE_TOKENS;
    const frames: Frames = new Map();
    const browser = await launchBrowser();
    try {
      for (let number = 1; number <= bench.pairs; number++) {
        bench.progress(`${this.name}: run ${number} of ${bench.pairs}`);
        const simulated = chatPlan(bench.node, { tokens, intervalMs: 0 });
        const prompts = bench.quick ? ["explain"] : ["explain", "code"];
        await show(bench, browser, simulated, prompts, { tokens, name: "", whole: ask }, frames);
        if (bench.quick) continue;
        const block = {
          tokens,
          name: "block-",
          whole: (_url: string, shape: string) => (SHAPES[shape] ?? []).join(""),
        };
        await show(bench, browser, shapesPlan(bench.node), Object.keys(SHAPES), block, frames);
      }
    } finally {
      await browser.close();
    }
    return rowsOf(frames, tokens);
  },
};

/** Answers of one kind. */
interface Answers {
  readonly tokens: number;
  /** Stands before their prompts in the names of rows. */
  readonly name: string;
  /** The whole text of one. */
  whole(url: string, prompt: string): string | Promise<string>;
}

/** Has answers shown, each in a page of its own, and notes their longest frames. */
async function show(
  bench: Bench,
  browser: Browser,
  plan: ServerPlan,
  prompts: readonly string[],
  { tokens, name, whole }: Answers,
  frames: Frames,
): Promise<void> {
  const server = await Server.start(plan);
  const url = `http://127.0.0.1:${server.port}`;
  try {
    for (const prompt of prompts) {
      const shown = await ChatPage.open(browser, url);
      try {
        // The frames of the page's own load are not those of an answer.
        await shown.page.waitForLoadState("networkidle");
        const stop = await watchFrames(browser, shown.page);
        await askAndSettle(shown, prompt, tokens);
        const what = `${name}${prompt}`;
        frames.set(what, [...(frames.get(what) ?? []), await stop()]);
        if ((await shown.copied()) !== (await whole(url, prompt)))
          bench.fail(`page: the answer to “${prompt}” is not shown whole`);
      } finally {
        await shown.close();
      }
    }
  } finally {
    await server.stop();
  }
}

function rowsOf(frames: Frames, tokens: number): Row[] {
  const title = `page: longest frame while ${tokens.toLocaleString("en-US")} tokens come`;
  return [...frames].flatMap(([what, runs]) => [
    makeRow(
      { name: `page-frame-${what}`, title: `${title}, ${what}`, unit: "ms", target: TARGET },
      runs.map(({ clock }) => ({ ours: clock, other: null })),
    ),
    makeRow(
      {
        name: `page-work-${what}`,
        title: "the same: the page's own work for one frame",
        unit: "ms",
        target: TARGET,
      },
      runs.map(({ work }) => ({ ours: work, other: null })),
    ),
  ]);
}
