/** Express behind compression, as in most tutorials: whole, streamed and event-stream answers, compressed or not. */
import compression from "compression";
import express from "express";

const app = express();
app.use(compression({ threshold: 0 }));
app.get("/parts", (_request, response) => {
  response.type("application/octet-stream");
  for (const part of ["a", "b", "c"]) response.write(part);
  response.end("d");
});
app.get("/text", (_request, response) => {
  response.type("text/plain");
  for (const part of ["compressed ", "or ", "not "]) response.write(part);
  response.end("the same");
});
app.get("/no-transform", (_request, response) => {
  response.type("text/plain").set("cache-control", "no-transform");
  response.write("as ");
  response.end("it is");
});
app.get("/events", (_request, response) => {
  response.type("text/event-stream");
  let sent = 0;
  const timer = setInterval(() => {
    response.write(`data: ${sent++}\n\n`);
    if (sent < 5) return;
    clearInterval(timer);
    response.end();
  }, 20);
  response.on("close", () => clearInterval(timer));
});
app.get("/flushed", (_request, response) => {
  response.type("text/event-stream");
  for (const part of ["one", "two"]) {
    response.write(`data: ${part}\n\n`);
    response.flush();
  }
  response.end();
});
export default app;
