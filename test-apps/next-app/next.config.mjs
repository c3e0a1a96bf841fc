import { fileURLToPath } from "node:url";

/** Where `node_modules` is; Next would look for a lock file further up, and find that of the repository. */
const root = fileURLToPath(new URL("..", import.meta.url));

export default { turbopack: { root }, outputFileTracingRoot: root };
