/** What a piece of code is, by TextMate's scopes; the colours stand in the style sheet, one set per theme. */
const COLOURS: Readonly<Record<string, readonly string[]>> = {
  "--code-comment": ["comment", "punctuation.definition.comment"],
  "--code-string": ["string", "markup.inline.raw", "markup.inserted", "constant.other.symbol"],
  "--code-number": ["constant.numeric", "constant.language", "constant.character", "support.constant"],
  "--code-keyword": ["keyword", "storage", "variable.language", "markup.deleted", "keyword.operator.new"],
  "--code-plain": ["keyword.operator", "punctuation", "meta.brace", "storage.type.function.arrow"],
  "--code-function": [
    "entity.name.function",
    "support.function",
    "markup.heading",
    "entity.other.attribute-name",
  ],
  "--code-type": [
    "entity.name.type",
    "entity.name.class",
    "support.type",
    "support.class",
    "entity.name.tag",
  ],
};

/** The page's theme for code, for Shiki: every colour is a variable of the style sheet. */
export const CODE_THEME = {
  name: "tsunicorn",
  type: "light" as const,
  colors: { "editor.background": "#ffffff", "editor.foreground": "var(--code-plain)" },
  settings: [
    { settings: { foreground: "var(--code-plain)", background: "#ffffff" } },
    ...Object.entries(COLOURS).map(([colour, scope]) => ({
      scope: [...scope],
      settings: { foreground: `var(${colour})` },
    })),
  ],
};
