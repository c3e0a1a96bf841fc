// Stands in for "shiki" itself (see vite.config.ts), which @streamdown/code imports with all its 300 languages: 17 MB of
// files, most of which no answer uses. Each of these is a chunk that is loaded when code in it comes.
import { createBundledHighlighter } from "shiki/core";
import { createJavaScriptRegexEngine } from "shiki/engine/javascript";

/** The grammars that there are, by name. */
export const bundledLanguages = {
  bash: () => import("shiki/dist/langs/bash.mjs"),
  c: () => import("shiki/dist/langs/c.mjs"),
  clojure: () => import("shiki/dist/langs/clojure.mjs"),
  cpp: () => import("shiki/dist/langs/cpp.mjs"),
  csharp: () => import("shiki/dist/langs/csharp.mjs"),
  css: () => import("shiki/dist/langs/css.mjs"),
  dart: () => import("shiki/dist/langs/dart.mjs"),
  diff: () => import("shiki/dist/langs/diff.mjs"),
  docker: () => import("shiki/dist/langs/docker.mjs"),
  elixir: () => import("shiki/dist/langs/elixir.mjs"),
  go: () => import("shiki/dist/langs/go.mjs"),
  graphql: () => import("shiki/dist/langs/graphql.mjs"),
  haskell: () => import("shiki/dist/langs/haskell.mjs"),
  html: () => import("shiki/dist/langs/html.mjs"),
  http: () => import("shiki/dist/langs/http.mjs"),
  ini: () => import("shiki/dist/langs/ini.mjs"),
  java: () => import("shiki/dist/langs/java.mjs"),
  javascript: () => import("shiki/dist/langs/javascript.mjs"),
  json: () => import("shiki/dist/langs/json.mjs"),
  jsonc: () => import("shiki/dist/langs/jsonc.mjs"),
  jsx: () => import("shiki/dist/langs/jsx.mjs"),
  kotlin: () => import("shiki/dist/langs/kotlin.mjs"),
  latex: () => import("shiki/dist/langs/latex.mjs"),
  lua: () => import("shiki/dist/langs/lua.mjs"),
  make: () => import("shiki/dist/langs/make.mjs"),
  markdown: () => import("shiki/dist/langs/markdown.mjs"),
  nginx: () => import("shiki/dist/langs/nginx.mjs"),
  perl: () => import("shiki/dist/langs/perl.mjs"),
  php: () => import("shiki/dist/langs/php.mjs"),
  powershell: () => import("shiki/dist/langs/powershell.mjs"),
  python: () => import("shiki/dist/langs/python.mjs"),
  r: () => import("shiki/dist/langs/r.mjs"),
  ruby: () => import("shiki/dist/langs/ruby.mjs"),
  rust: () => import("shiki/dist/langs/rust.mjs"),
  scala: () => import("shiki/dist/langs/scala.mjs"),
  scss: () => import("shiki/dist/langs/scss.mjs"),
  sql: () => import("shiki/dist/langs/sql.mjs"),
  swift: () => import("shiki/dist/langs/swift.mjs"),
  terraform: () => import("shiki/dist/langs/terraform.mjs"),
  toml: () => import("shiki/dist/langs/toml.mjs"),
  tsx: () => import("shiki/dist/langs/tsx.mjs"),
  typescript: () => import("shiki/dist/langs/typescript.mjs"),
  vue: () => import("shiki/dist/langs/vue.mjs"),
  xml: () => import("shiki/dist/langs/xml.mjs"),
  yaml: () => import("shiki/dist/langs/yaml.mjs"),
  zig: () => import("shiki/dist/langs/zig.mjs"),
};

const ALIASES: Readonly<Partial<Record<keyof typeof bundledLanguages, readonly string[]>>> = {
  bash: ["sh", "shell", "zsh", "shellscript", "console"],
  cpp: ["c++"],
  csharp: ["c#", "cs"],
  docker: ["dockerfile"],
  elixir: ["ex"],
  go: ["golang"],
  haskell: ["hs"],
  ini: ["properties", "conf"],
  javascript: ["js", "mjs", "cjs"],
  jsonc: ["json5"],
  kotlin: ["kt"],
  latex: ["tex"],
  make: ["makefile"],
  markdown: ["md"],
  powershell: ["ps1"],
  python: ["py"],
  ruby: ["rb"],
  rust: ["rs"],
  terraform: ["tf", "hcl"],
  typescript: ["ts", "mts", "cts"],
  yaml: ["yml"],
};

/** The other names that people write behind a fence. */
export const bundledLanguagesInfo = Object.entries(ALIASES).map(([id, aliases]) => ({
  id,
  name: id,
  aliases,
}));

/** The longest time for one line. Shiki's half a second is soon over where a grammar is still cold, and the rest plain. */
const LINE_MS = 10_000;

const createPlain = createBundledHighlighter({
  langs: bundledLanguages,
  themes: {},
  engine: () => createJavaScriptRegexEngine({ forgiving: true }),
});

/** Makes a highlighter for some of them. It brings no themes: the page has its own. */
export async function createHighlighter(...options: Parameters<typeof createPlain>) {
  const highlighter = await createPlain(...options);
  const { codeToTokens } = highlighter;
  highlighter.codeToTokens = (code, how) => codeToTokens(code, { ...how, tokenizeTimeLimit: LINE_MS });
  return highlighter;
}
