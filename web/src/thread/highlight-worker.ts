import { createCodePlugin, type HighlightOptions, type HighlightResult } from "@streamdown/code";
import { CODE_THEME } from "./code-theme.ts";
import type { HighlightAnswer, HighlightRequest } from "./highlighter.ts";

// A worker of its own: compiling a grammar takes longer than a frame may.
const plugin = createCodePlugin({ themes: [CODE_THEME, CODE_THEME] });

function isKnown(language: string): language is HighlightOptions["language"] {
  // A type guard may only widen from the plugin's own list, though it also takes aliases such as "sh".
  return (plugin.supportsLanguage as (name: string) => boolean)(language);
}

addEventListener("message", ({ data }: MessageEvent<HighlightRequest>) => {
  const { id, code, language } = data;
  const answer = (result?: HighlightResult): void => {
    const lines = result?.tokens.map((line) =>
      line.map(({ content, color, htmlStyle }) => ({ content, color: htmlStyle?.["color"] ?? color })),
    );
    postMessage({ id, lines } satisfies HighlightAnswer);
  };
  if (!isKnown(language)) return answer();
  const ready = plugin.highlight({ code, language, themes: [CODE_THEME, CODE_THEME] }, answer);
  if (ready !== null) answer(ready);
});
