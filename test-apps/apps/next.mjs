/** Next as a custom server, with an event stream of `pages/api`. `next build` has made what it serves. */
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import next from "next";

const dir = fileURLToPath(new URL("../next-app", import.meta.url));
const app = next({ dev: false, dir });
await app.prepare();
const handle = app.getRequestHandler();

export default createServer((request, response) => handle(request, response));
export const close = () => app.close();
