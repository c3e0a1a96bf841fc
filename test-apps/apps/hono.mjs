/** Hono, with the client's address and a WebSocket by its own helper. */
import { createAdaptorServer, upgradeWebSocket } from "@hono/node-server";
import { getConnInfo } from "@hono/node-server/conninfo";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { WebSocketServer } from "ws";

export const app = new Hono();
app.get("/", (context) => {
  context.header("Set-Cookie", "a=1", { append: true });
  context.header("Set-Cookie", "b=2", { append: true });
  return context.text("hono");
});
app.get("/who", (context) => context.json({ address: getConnInfo(context).remote.address }));
app.get("/events", (context) =>
  streamSSE(context, async (stream) => {
    for (const data of ["one", "two"]) await stream.writeSSE({ data });
  }),
);
app.get(
  "/socket",
  upgradeWebSocket(() => ({
    onOpen: (_event, socket) => open.add(socket),
    onMessage: (event, socket) => socket.send(`heard ${event.data}`),
    onClose: (_event, socket) => open.delete(socket),
  })),
);

const open = new Set();

export default createAdaptorServer({
  fetch: app.fetch,
  websocket: { server: new WebSocketServer({ noServer: true }) },
});
export async function close() {
  for (const socket of open) socket.close(1001, "the server stops");
}
