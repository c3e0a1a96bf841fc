import { AxeBuilder } from "@axe-core/playwright";
import type { ChatPage } from "./chat-page.ts";

/** What axe finds that keeps people out, in words. */
export async function barriers(page: ChatPage): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page: page.page })
    .setLegacyMode(true)
    .options({ resultTypes: ["violations"], preload: false })
    .analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}
