/** `ws` on an http.Server that never listens itself, beside an Express app. */
import { createServer } from "node:http";
import express from "express";
import { WebSocketServer } from "ws";

const app = express();
app.get("/", (_request, response) => void response.send("plain\n"));

const server = createServer(app);
const sockets = new WebSocketServer({ server, path: "/socket" });
sockets.on("connection", (socket) => {
  socket.on("message", (data) => socket.send(`heard ${data}`));
});

export default server;
export async function close() {
  for (const socket of sockets.clients) socket.close(1001, "the server stops");
}
