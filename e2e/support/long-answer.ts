import type { ChatPage } from "./chat-page.ts";

/** ms without a change after which an answer with its figures is all there. */
const SETTLED_MS = 500;
/** ms without a change after which an answer never comes to its end. */
const STUCK_MS = 20_000;

/**
 * Asks, and waits until nothing more comes to the answer: React shows the end of a long one later than its figures. The
 * page looks itself, and only at the text: to find roles and names again and again takes a fifth of its time.
 *
 * @param tokens how many the answer has
 * @throws where the answer stands still without its end
 */
export async function askAndSettle(page: ChatPage, prompt: string, tokens: number): Promise<void> {
  const log = await page.page.getByRole("log", { name: "Conversation" }).elementHandle();
  if (log === null) throw new Error("the page shows no conversation");
  await page.send(prompt);
  const settled = await log.evaluate(
    (log, { end, settledMs, stuckMs }) =>
      new Promise<boolean>((resolve) => {
        let length = -1;
        let since = performance.now();
        const timer = setInterval(() => {
          const text = log.textContent ?? "";
          const now = performance.now();
          if (text.length !== length) {
            length = text.length;
            since = now;
            return;
          }
          const ended = text.includes(end);
          if (now - since < (ended ? settledMs : stuckMs)) return;
          clearInterval(timer);
          resolve(ended);
        }, 100);
      }),
    { end: `${tokens.toLocaleString("en")} tokens`, settledMs: SETTLED_MS, stuckMs: STUCK_MS },
  );
  if (!settled) throw new Error(`the answer to “${prompt}” stood still for ${STUCK_MS} ms before its end`);
}
