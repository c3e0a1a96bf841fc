import { alternate, inspect, type Measure, withServer } from "../measure.ts";
import { barePlan, chatPlan } from "../plans.ts";
import { makeRow } from "../row.ts";
import { CHAT, PROMPT } from "./chat-request.ts";

const TOKENS = 20;

/** How long one user waits for the first token of an idle server. */
export const firstToken: Measure = {
  name: "first-token",
  async run(bench) {
    const count = bench.quick ? 20 : 300;
    const pairs = await alternate(bench, this.name, (side) => {
      const plan = (side === "ours" ? chatPlan : barePlan)(bench.node, { tokens: TOKENS, intervalMs: 0 });
      return withServer(plan, async ({ port }, client) => {
        const result = await client.sequential({
          port,
          method: "POST",
          path: CHAT,
          body: PROMPT,
          tokens: TOKENS,
          warmup: count,
          count,
          pauseMs: 0,
          timeoutMs: 10_000,
        });
        inspect(bench, `first token, ${side}`, result);
        return result.latency.p50;
      });
    });
    const head = {
      name: "first-token",
      title: "first token, one user, no delay: p50",
      unit: "ms",
      target: { comparison: "difference", bound: "at most", limit: 1 },
    } as const;
    return [
      makeRow(
        head,
        pairs.map(({ ours, bare }) => ({ ours, other: bare })),
      ),
    ];
  },
};
