/** Answers to bytes that are not HTTP, and to refused upgrades. Node has no response for these: they are written by hand. */
import type { Duplex } from "node:stream";

/** What a client gets to read why its bytes were refused, before its connection is reset. */
const LINGER_MS = 1000;

const STATUS_OF_PARSER_ERROR: Record<string, string> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "413 Payload Too Large",
};

/** The status line for what Node's parser refuses. @param code of its error. */
export function statusOfParserError(code = ""): string {
  return STATUS_OF_PARSER_ERROR[code] ?? "400 Bad Request";
}

/** Writes a whole answer, and ends the connection. */
export function endByHand(socket: Duplex, status: string, detail: string): void {
  const body = JSON.stringify({ detail });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  // A client that holds on to the connection must not hold this side of it, nor a handler that waits for the body.
  setTimeout(() => socket.destroy(), LINGER_MS);
}
