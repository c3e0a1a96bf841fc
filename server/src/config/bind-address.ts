import { isIPv4, isIPv6 } from "node:net";

/** An address to listen on, taken apart. */
export type BindAddress =
  /** `host` is undefined for every address of the machine; port 0 lets the kernel choose one. */
  | { readonly kind: "tcp"; readonly host: string | undefined; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** The longest path of a unix socket, in bytes. The kernel silently cuts a longer one. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** What a bare port listens on: the same as the default of `bind`, so that nothing is opened by accident. */
const LOOPBACK = "127.0.0.1";

const FORMS = "HOST:PORT, [IPV6]:PORT, :PORT, PORT or unix:PATH";

/**
 * Takes one value of `bind` apart: `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (every address of the machine), `PORT`
 * (127.0.0.1) or `unix:PATH`.
 *
 * @throws {Error} whose message is the reason, worded to follow the value: `is not HOST:PORT, …`.
 */
export function parseBindAddress(address: string): BindAddress {
  if (address.startsWith("unix:")) {
    const path = address.slice("unix:".length);
    if (path === "" || path.includes("\0")) throw new Error("names no socket path; write unix:PATH");
    return { kind: "unix", path };
  }
  if (address.includes("/")) throw new Error(`is not ${FORMS}; an address has no scheme and no path`);
  if (/^\d+$/.test(address)) return { kind: "tcp", host: LOOPBACK, port: parsePort(address) };

  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon);
  if (colon === -1 || host.endsWith(":")) throw new Error(`is not ${FORMS}`);
  if (isIPv6(host)) throw new Error(`has an IPv6 address without brackets; write [${host}]:PORT`);
  const port = parsePort(address.slice(colon + 1));
  if (host === "") return { kind: "tcp", host: undefined, port };
  return { kind: "tcp", host: parseHost(host), port };
}

/** Writes an address as `bind` has it; `parseBindAddress` reads it back. */
export function formatBindAddress(address: BindAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const { host = "", port } = address;
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new Error("has a port that is not a whole number from 0 to 65535");
  return port;
}

function parseHost(host: string): string {
  if (host.startsWith("[") && host.endsWith("]")) {
    const inner = host.slice(1, -1);
    if (!isIPv6(inner)) throw new Error("has no IPv6 address between its brackets");
    return inner;
  }
  if (isIPv4(host)) return host;
  // Digits and dots alone would go to the resolver, which knows old forms (`127.1` is 127.0.0.1) and would
  // listen where it was not meant to.
  if (/^[\d.]+$/.test(host)) throw new Error("has a host that is not a valid IPv4 address");
  if (!/^[A-Za-z\d]([A-Za-z\d._-]*[A-Za-z\d])?$/.test(host)) throw new Error(`is not ${FORMS}`);
  return host;
}
