import { Socket } from "node:net";

const RESPONSE = Symbol("tsunicorn.response");

/** Sends what a response holds back. A symbol, since user code sees the response. */
export const SEND_HELD = Symbol("tsunicorn.sendHeld");

/** A response that holds back writes. */
export interface HoldingResponse {
  [SEND_HELD](): void;
}

/** A socket that sends first what a response holds back. */
export interface OrderedSocket extends Socket {
  [RESPONSE]: HoldingResponse | undefined;
}

// Node's methods are looked up each time: monitoring and other tools may replace them on the prototype, also later.
const METHODS: PropertyDescriptorMap = {
  write: method(function write(
    this: OrderedSocket,
    chunk: string,
    encoding?: BufferEncoding,
    done?: () => void,
  ) {
    sendHeld(this);
    return Socket.prototype.write.call(this, chunk, encoding, done);
  }),
  end: method(function end(this: OrderedSocket, chunk: string, encoding?: BufferEncoding, done?: () => void) {
    sendHeld(this);
    return Socket.prototype.end.call(this, chunk, encoding, done);
  }),
  [RESPONSE]: { value: undefined, writable: true },
};

function method(value: unknown): PropertyDescriptor {
  return { value, writable: true, configurable: true };
}

function sendHeld(socket: OrderedSocket): void {
  socket[RESPONSE]?.[SEND_HELD]();
}

/**
 * Has the socket send what its response holds back before anything else that is written to it, and before its end.
 * An app may use the socket of its response: what it wrote to the response before must not come later, or never.
 *
 * A method on the socket hides the prototype's, as those do that Node's server puts there. A prototype of our own in
 * between would make each write cost a third more.
 */
export function keepOrder(socket: Socket): void {
  // On a socket of another class, or with methods that other code replaced, no response holds back writes.
  if (RESPONSE in socket || Object.getPrototypeOf(socket) !== Socket.prototype) return;
  if (Object.hasOwn(socket, "write") || Object.hasOwn(socket, "end")) return;
  Object.defineProperties(socket, METHODS);
}

/** Whether the socket sends first what its response holds back. */
export function keepsOrder(socket: Socket | null): socket is OrderedSocket {
  return socket !== null && RESPONSE in socket;
}

/** Sets the response that holds back writes to the socket; undefined: they were sent. */
export function setHolding(socket: OrderedSocket, response: HoldingResponse | undefined): void {
  socket[RESPONSE] = response;
}
