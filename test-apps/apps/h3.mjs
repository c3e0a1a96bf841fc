/** h3, with the client's address and a WebSocket by its own helper. */
import crossws from "crossws/adapters/node";
import { defineWebSocketHandler, getRequestIP, H3 } from "h3";

const open = new Set();
const app = new H3();
app.get("/", (event) => {
  event.res.headers.append("set-cookie", "a=1");
  event.res.headers.append("set-cookie", "b=2");
  return "h3";
});
app.get("/who", (event) => ({ address: getRequestIP(event) }));
app.get(
  "/socket",
  defineWebSocketHandler({
    open: (peer) => void open.add(peer),
    message: (peer, message) => void peer.send(`heard ${message.text()}`),
    close: (peer) => void open.delete(peer),
  }),
);
const sockets = crossws({ resolve: async (request) => (await app.fetch(request)).crossws });

export default app;
export const upgrade = (request, socket, head) => sockets.handleUpgrade(request, socket, head);
export async function close() {
  for (const peer of open) peer.close(1001, "the server stops");
}
