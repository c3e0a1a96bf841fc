import type { Socket } from "node:net";

type Done = (error?: Error | null) => void;

/**
 * Keeps a failed write to a peer that is gone from ending the socket. Such a write can fail before this
 * side has read what the peer sent last, and Node would destroy those bytes with the socket. The end of
 * the reading side tells the same, after all of them.
 */
export function outliveLostWrites(socket: Socket): void {
  const write = socket._write;
  const writev = socket._writev;
  // While the socket is not read, the failed write is the only sign that the peer is gone.
  const unlessGone = (done: Done): Done => {
    return (error) => done(isGone(error) && !socket.isPaused() ? null : error);
  };
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, unlessGone(done));
  if (writev === undefined) return;
  socket._writev = (chunks, done) => writev.call(socket, chunks, unlessGone(done));
}

/** Whether an error only says that the peer's process has ended: its parent tells of that, and why. */
export function isGone(error: Error | null | undefined): boolean {
  if (error === null || error === undefined || !("code" in error)) return false;
  return error.code === "EPIPE" || error.code === "ECONNRESET";
}
