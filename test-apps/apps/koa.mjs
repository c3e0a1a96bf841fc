/** A Koa app object, as it stands before anybody calls listen(). */
import { PassThrough } from "node:stream";
import Koa from "koa";

const app = new Koa();
app.use((context) => {
  if (context.path === "/stream") {
    const body = new PassThrough();
    context.type = "text/event-stream";
    context.body = body;
    body.write("data: one\n\n");
    setImmediate(() => body.end("data: two\n\n"));
    return;
  }
  context.cookies.set("a", "1");
  context.cookies.set("b", "2");
  context.body = { path: context.path, ip: context.ip };
});
export default app;
