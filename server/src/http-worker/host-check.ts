import type { IncomingMessage } from "node:http";
import { isIP, isIPv6 } from "node:net";

/** Why a request is not served. */
export interface HostRefusal {
  /** 400: its Host breaks RFC 9112; 421: it is meant for another server. */
  readonly status: 400 | 421;
  /** For the client. */
  readonly detail: string;
}

const LOOPBACK = /^(::ffff:)?127\.|^::1$/i;
/** `uri-host [ ":" port ]` of RFC 9112, 3.2, and RFC 3986, 3.2.2, without the literals of later versions of IP. */
const HOST = /^(\[[\da-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*)(?::\d*)?$/i;
/** The authority of a target in absolute form, which counts more than the Host; RFC 9112, 3.2.2. */
const ABSOLUTE_TARGET = /^https?:\/\/([^/?#]*)/i;
/** Longer names are not names of DNS; none needs to come back in an error. */
const LONGEST_NAME = 253;

/**
 * Decides whether a request is for this server, by its Host.
 *
 * A server at a loopback address is one that only this machine should reach. The pages of a foreign site reach it
 * all the same once that site's name is resolved to 127.0.0.1 (DNS rebinding); the browser then takes the server for
 * a part of that site. What gives them away is the name in the Host.
 */
export class HostCheck {
  private readonly every: boolean;
  private readonly names: ReadonlySet<string>;
  /** Each with the dot that it begins with. */
  private readonly domains: readonly string[];

  /** @param allowedHosts as the setting of that name has them. */
  constructor(allowedHosts: readonly string[]) {
    this.every = allowedHosts.includes("*");
    this.domains = allowedHosts.filter((name) => name.startsWith("."));
    this.names = new Set(["localhost", ...allowedHosts, ...this.domains.map((domain) => domain.slice(1))]);
  }

  /**
   * @param localAddress the address at which the connection arrived; undefined on a unix socket.
   * @returns undefined when the request may be served.
   */
  refusal(request: IncomingMessage, localAddress: string | undefined): HostRefusal | undefined {
    if (countHosts(request.rawHeaders) > 1) {
      return { status: 400, detail: "the request has more than one Host header" };
    }
    const { host } = request.headers;
    // Only HTTP/1.0 may leave it out, and no browser does: Node has refused all others.
    const given = host === undefined ? [] : [host];
    const target = ABSOLUTE_TARGET.exec(request.url ?? "");
    if (target !== null) given.push(target[1] ?? "");
    const atLoopback = !this.every && localAddress !== undefined && LOOPBACK.test(localAddress);
    for (const one of given) {
      const name = HOST.exec(one)?.[1]?.toLowerCase();
      if (name === undefined || (name.startsWith("[") && !isIPv6(name.slice(1, -1)))) {
        return { status: 400, detail: "the request's Host is not a host name or IP address" };
      }
      if (atLoopback && !this.isAllowed(name)) return { status: 421, detail: describeForeign(name) };
    }
    return undefined;
  }

  private isAllowed(name: string): boolean {
    const plain = name.endsWith(".") ? name.slice(0, -1) : name;
    if (this.names.has(plain) || plain.startsWith("[") || isIP(plain) !== 0) return true;
    return this.domains.some((domain) => plain.endsWith(domain));
  }
}

function describeForeign(name: string): string {
  const shown = name.length > LONGEST_NAME ? "a name that is longer than names can be" : `"${name}"`;
  return `at a loopback address this server answers only to localhost, to IP addresses and to the names in the setting allowedHosts, and the request's Host is ${shown}. Where that name is the server's own, start it with --allowed-host and the name.`;
}

// Node keeps the first one in `headers`, and says nothing of the others.
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === "host") count++;
  }
  return count;
}
