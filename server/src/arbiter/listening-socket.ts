import { lookup } from "node:dns/promises";
import { chmodSync, existsSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import net, { isIP } from "node:net";
import { dirname } from "node:path";
import { getSystemErrorName } from "node:util";
import { formatBindAddress, MAX_SOCKET_PATH_BYTES, parseBindAddress } from "../config/bind-address.ts";
import type { SocketFile } from "../process/channel.ts";

/** What Node's own listening handles have and its documentation does not name. */
interface Handle {
  readonly fd: number;
  getsockname?(result: { address?: string; port?: number }): number;
  getpeername?(result: object): number;
  close(): void;
}

type CreateHandle = (
  address: string | null,
  port: number | null,
  addressType: number | null,
  fd?: number,
  flags?: number,
) => Handle | number;

// The one use of what Node does not document. `listen()` would accept here, in the arbiter; this only binds, so
// that connections wait in the kernel for a child. Works on Node 20 to 26.
const createHandle = (net as unknown as { _createServerHandle: CreateHandle })._createServerHandle;

/** A row of /proc/net/unix: its flags, state, inode and path. */
const UNIX_SOCKET_ROW = /^\S+ +\S+ +\S+ +(\S+) +\S+ +(\S+) +(\d+)(?: (.+))?$/;
/** `__SO_ACCEPTCON` of the kernel. */
const ACCEPTS_CONNECTIONS = 0x10000;
/** The state of a socket that has no connection: one that listens, or that is only bound. */
const UNCONNECTED = "01";

/** A bound socket that children listen on. The arbiter holds it, so it outlives each of them. */
export class ListeningSocket {
  /** The bound address, as `bind` has it, with the port that the kernel chose. */
  readonly address: string;
  /** The address for people: `http://127.0.0.1:8000` or `unix:/run/app.sock`. */
  readonly url: string;
  /** The socket's file; undefined for TCP. */
  readonly file: SocketFile | undefined;
  private readonly handle: Handle;

  private constructor(handle: Handle, address: string, url: string, file: SocketFile | undefined) {
    this.handle = handle;
    this.address = address;
    this.url = url;
    this.file = file;
  }

  /** The file descriptor that children inherit. */
  get fd(): number {
    return this.handle.fd;
  }

  /**
   * Binds an address as the setting `bind` has it. A socket file without a listener is replaced.
   * @param umask the permissions, in octal, that a unix socket's file does not get; default: those of the process.
   * @throws Error that names the address and why it cannot be bound.
   */
  static async bind(bind: string, umask?: string): Promise<ListeningSocket> {
    const address = parseBindAddress(bind);
    if (address.kind === "unix") return ListeningSocket.bindPath(address.path, { umask });
    const { host, port } = address;
    // Without a host, both families on one socket where the machine has IPv6.
    const ip = host === undefined ? "::" : isIP(host) ? host : (await lookup(host)).address;
    let handle = createHandle(ip, port, isIP(ip), undefined, 0);
    let everywhere = "[::]";
    if (host === undefined && typeof handle === "number") {
      handle = createHandle("0.0.0.0", port, 4, undefined, 0);
      everywhere = "0.0.0.0";
    }
    const bound: { port?: number } = {};
    // An address in use is only told when the socket's name is asked for; unasked, a child would listen elsewhere.
    const failed = typeof handle === "number" ? handle : (handle.getsockname?.(bound) ?? 0);
    if (typeof handle === "number" || failed !== 0) {
      if (typeof handle !== "number") handle.close();
      throw new Error(`Cannot listen on ${bind}: ${describe(failed)}.`);
    }
    const name = formatBindAddress({ kind: "tcp", host, port: bound.port ?? port });
    const shown = name.startsWith(":") ? `${everywhere}${name}` : name;
    return new ListeningSocket(handle, name, `http://${shown}`, undefined);
  }

  /**
   * Binds a unix socket.
   * @param permissions the file's: `mode` whole, or all but those of `umask`, in octal. Default: by the process's umask.
   */
  static async bindPath(
    path: string,
    { mode, umask }: { mode?: number; umask?: string | undefined } = {},
  ): Promise<ListeningSocket> {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw new Error(
        `Cannot listen on unix:${path}: the path is longer than ${MAX_SOCKET_PATH_BYTES} bytes.`,
      );
    }
    const inPlace = statSync(path, { throwIfNoEntry: false });
    // Other files refuse connections as a stale socket does, but hold a user's data.
    if (inPlace !== undefined && !inPlace.isSocket())
      throw new Error(`Cannot listen on unix:${path}: a file that is not a socket is in its place.`);
    if (inPlace !== undefined && (await isStale(path))) rmSync(path, { force: true });
    // While the file is made, and not after it: at no moment more can connect than may.
    const before = umask === undefined ? undefined : process.umask(Number.parseInt(umask, 8));
    const handle = createHandle(path, -1, -1, undefined, 0);
    if (before !== undefined) process.umask(before);
    if (typeof handle === "number") {
      const folder = dirname(path);
      // Node says that permission was denied there, too.
      const why = existsSync(folder) ? describe(handle) : `there is no folder ${folder}; create it`;
      throw new Error(`Cannot listen on unix:${path}: ${why}.`);
    }
    if (mode !== undefined) chmodSync(path, mode);
    return new ListeningSocket(handle, `unix:${path}`, `unix:${path}`, { path, inode: statSync(path).ino });
  }

  /**
   * Takes over a listening socket that this process was started with. The process that bound it keeps it, so its file is
   * never removed here.
   * @param fd its file descriptor.
   * @param name what errors call it.
   * @throws Error that says why it cannot be listened on.
   */
  static inherited(fd: number, name: string): ListeningSocket {
    const refused = (why: string) => new Error(`Cannot listen on the inherited socket ${name}: it ${why}.`);
    const handle = createHandle(null, null, null, fd);
    if (typeof handle === "number") throw refused("is not a stream socket, or not open");
    try {
      if (handle.getsockname === undefined) {
        const { isListening, path = name } = describeUnixSocket(fd);
        if (!isListening) throw refused("is not listening");
        return new ListeningSocket(handle, `unix:${path}`, `unix:${path}`, undefined);
      }
      const bound: { address?: string; port?: number } = {};
      const failed = handle.getsockname(bound);
      if (failed !== 0) throw refused(`has no address, ${describe(failed)}`);
      if (handle.getpeername?.({}) === 0) throw refused("is a connection; write Accept=no in its unit");
      const address = formatBindAddress({ kind: "tcp", host: bound.address, port: bound.port ?? 0 });
      return new ListeningSocket(handle, address, `http://${address}`, undefined);
    } catch (error) {
      handle.close();
      throw error;
    }
  }

  /**
   * Has a server in this process take the connections. The server and this own the one handle together: closing
   * either of them closes it.
   */
  serve(server: net.Server, listening: () => void): void {
    server.listen({ _handle: this.handle }, listening);
  }

  /** Lets go of the socket and removes its file; children that listen on it go on until they close theirs. */
  close(): void {
    this.handle.close();
    if (this.file !== undefined) rmSync(this.file.path, { force: true });
  }
}

/**
 * What the kernel knows of a unix socket, since Node does not ask. Its table (proc(5)) has only the sockets of
 * the same network namespace; of any other it is believed that it listens.
 */
function describeUnixSocket(fd: number): { isListening: boolean; path?: string } {
  const link = readlinkSync(`/proc/self/fd/${fd}`);
  const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
  if (inode === undefined) return { isListening: false };
  const rows = readFileSync("/proc/net/unix", "utf8").split("\n");
  for (const row of rows) {
    const [, flags = "", , number, path] = UNIX_SOCKET_ROW.exec(row) ?? [];
    if (number !== inode) continue;
    const isListening = (Number.parseInt(flags, 16) & ACCEPTS_CONNECTIONS) !== 0;
    return path === undefined ? { isListening } : { isListening, path };
  }
  return { isListening: true };
}

// A server that was killed leaves its file behind; only a connection tells it from one that lives.
function isStale(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "ECONNREFUSED" && !isBound(path)),
    );
  });
}

// A server that is just being started has bound its socket, and does not listen yet. Linux has a table of those. The
// connections that a server which was killed had accepted stand there by the same path.
function isBound(path: string): boolean {
  try {
    const rows = readFileSync("/proc/net/unix", "utf8").split("\n");
    return rows.some((row) => {
      const [, , state, , bound] = UNIX_SOCKET_ROW.exec(row) ?? [];
      return bound === path && state === UNCONNECTED;
    });
  } catch {
    return false;
  }
}

function describe(code: number): string {
  const name = getSystemErrorName(code);
  if (name === "EADDRINUSE") return "the address is in use by another process";
  if (name === "EACCES") return "permission denied; ports below 1024 need a privilege";
  if (name === "EADDRNOTAVAIL") return "this machine has no such address";
  return name;
}
