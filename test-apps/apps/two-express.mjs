/** A second Express app in the same process, with a port of its own that the kernel picks. */
import express from "express";

const admin = express();
admin.get("/metrics", (_request, response) => void response.type("text").send("up 1\n"));
const listening = admin.listen(0, "127.0.0.1");

const mounted = express();
mounted.get("/", (_request, response) => void response.json({ mounted: true }));

const app = express();
app.use("/mounted", mounted);
app.get("/", (_request, response) => void response.send("hi\n"));
app.get("/metrics", async (_request, response) => {
  const { port } = listening.address();
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  response
    .status(answer.status)
    .type("text")
    .send(await answer.text());
});
export default app;
export const close = () => new Promise((resolve) => listening.close(resolve));
