/** The Hono app by itself, as most are exported: for its `fetch`. */
export { app as default } from "./hono.mjs";
