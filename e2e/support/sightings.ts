import type { Page } from "playwright-core";

/**
 * Has the page itself note each text that elements show from now on: a test that looks now and then may miss one.
 * @param selector which elements, for instance `button[aria-expanded=true]`
 * @returns gives the different texts so far, in the order in which they came
 */
export async function noteTexts(page: Page, selector: string): Promise<() => Promise<string[]>> {
  const key = `texts of ${selector}`;
  await page.evaluate(
    ([key, selector]) => {
      const texts = new Set<string>();
      const note = () => {
        for (const { textContent } of document.querySelectorAll(selector))
          texts.add(textContent?.trim() ?? "");
      };
      new MutationObserver(note).observe(document.body, {
        subtree: true,
        childList: true,
        characterData: true,
        attributes: true,
      });
      Object.assign(window, { [key]: texts });
    },
    [key, selector] as const,
  );
  return () => page.evaluate((key) => [...(Reflect.get(window, key) as Set<string>)], key);
}
