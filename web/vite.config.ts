import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses, so that the page also works behind a proxy that serves it under a path.
  base: "./",
  build: {
    // The page's policy allows nothing inline: no data: addresses, no script or style inside the HTML.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: { proxy: { "/chat": "http://127.0.0.1:8000", "/docs": "http://127.0.0.1:8000" } },
});
