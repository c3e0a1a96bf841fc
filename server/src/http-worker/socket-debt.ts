import { Socket } from "node:net";

const HOLDER = Symbol("tsunicorn.holder");

/** How a holder is told to send. A symbol, since the holder is an object that user code sees. */
export const SEND = Symbol("tsunicorn.send");

/** Holds back what a socket is to send. */
export interface Holder {
  [SEND](): void;
}

/** A socket that can have a holder. */
export interface OwingSocket extends Socket {
  [HOLDER]: Holder | undefined;
}

// Node's methods are looked up each time: monitoring and other tools may replace them on the prototype, also later.
const METHODS: PropertyDescriptorMap = {
  write: method(function write(
    this: OwingSocket,
    chunk: string,
    encoding?: BufferEncoding,
    done?: () => void,
  ) {
    settle(this);
    return Socket.prototype.write.call(this, chunk, encoding, done);
  }),
  end: method(function end(this: OwingSocket, chunk: string, encoding?: BufferEncoding, done?: () => void) {
    settle(this);
    return Socket.prototype.end.call(this, chunk, encoding, done);
  }),
  [HOLDER]: { value: undefined, writable: true },
};

function method(value: unknown): PropertyDescriptor {
  return { value, writable: true, configurable: true };
}

function settle(socket: OwingSocket): void {
  const holder = socket[HOLDER];
  if (holder === undefined) return;
  socket[HOLDER] = undefined;
  holder[SEND]();
}

/**
 * Has the socket's holder send first, whatever else is written to the socket, and before it is ended. An app may do
 * both with the socket of its response, and what it wrote to the response before must not come later, or never.
 *
 * A method on the socket hides the prototype's, as those do that Node's server puts there. A prototype of our own in
 * between would make each write cost a third more.
 */
export function letOwe(socket: Socket): void {
  // One of another class, or whose methods somebody has replaced, has no holder: what is written to it is not held.
  if (HOLDER in socket || Object.getPrototypeOf(socket) !== Socket.prototype) return;
  if (Object.hasOwn(socket, "write") || Object.hasOwn(socket, "end")) return;
  Object.defineProperties(socket, METHODS);
}

/** Whether the socket can have a holder. */
export function canOwe(socket: Socket | null): socket is OwingSocket {
  return socket !== null && HOLDER in socket;
}

/** Sets who holds back what the socket is to send; undefined: it was sent. */
export function setHolder(socket: OwingSocket, holder: Holder | undefined): void {
  socket[HOLDER] = holder;
}
