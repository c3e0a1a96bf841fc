import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compress } from "./compress.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SERVER = "http://127.0.0.1:8000";

export default defineConfig({
  // Relative addresses, so that the page also works behind a proxy that serves it under a path.
  base: "./",
  resolve: {
    alias: [
      { find: /^shiki$/, replacement: here("src/thread/languages.ts") },
      {
        find: /^(?:rehype-(?:raw|sanitize|harden)|tailwind-merge|assistant-cloud(?:\/ai-sdk)?)$/,
        replacement: here("left-out.ts"),
      },
    ],
  },
  plugins: [react(), tailwindcss(), compress()],
  // The highlighter loads each language as a chunk of its own, also in its worker.
  worker: { format: "es" },
  build: {
    // The page's policy allows nothing inline: no data: addresses, no script or style inside the HTML.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: {
    proxy: Object.fromEntries(
      ["/chat", "/docs", "/v1", "/health", "/openapi.json"].map((path) => [path, SERVER]),
    ),
  },
});
