/** socket.io, by long polling and by WebSocket. */
import { createServer } from "node:http";
import { Server } from "socket.io";

export const server = createServer((_request, response) => response.end("plain\n"));
const io = new Server(server, { path: "/socket" });
io.on("connection", (socket) => {
  socket.on("say", (text, answer) => answer(`heard ${text}`));
});
export const close = () => io.close();
