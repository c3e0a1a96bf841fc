import { lookup } from "node:dns/promises";
import { isIP, SocketAddress } from "node:net";
import path from "node:path";
import { parseBindAddress } from "../config/bind-address.ts";

/** Where an address of `bind` really listens. */
type Place = { readonly path: string } | { readonly ip: string; readonly port: number };

/**
 * Which addresses need no socket of their own, since that of another one serves them: `127.0.0.1:80` beside
 * `0.0.0.0:80`, `0.0.0.0:80` beside `[::]:80`, `localhost:80` beside `127.0.0.1:80`, the same file by two names. The
 * kernel would refuse the second.
 * @returns the address whose socket serves them, by theirs.
 * @throws Error when a host's name cannot be resolved.
 */
export async function servedByOthers(binds: readonly string[]): Promise<Map<string, string>> {
  const places = await Promise.all(binds.map(async (bind) => ({ bind, place: await placeOf(bind) })));
  const served = new Map<string, string>();
  for (const [index, { bind, place }] of places.entries()) {
    const wider = places.find(
      (other, at) =>
        at !== index && covers(other.place, place) && (!covers(place, other.place) || at < index),
    );
    if (wider !== undefined && wider.bind !== bind) served.set(bind, wider.bind);
  }
  return served;
}

async function placeOf(bind: string): Promise<Place> {
  const address = parseBindAddress(bind);
  if (address.kind === "unix") return { path: path.resolve(address.path) };
  const { host, port } = address;
  // Without a host: every address of both families.
  const ip = host === undefined ? "::" : isIP(host) ? host : (await lookup(host)).address;
  if (isIP(ip) === 4) return { ip, port };
  const canonical = new SocketAddress({ address: ip, family: "ipv6" }).address;
  return { ip: canonical.startsWith("::ffff:") ? canonical.slice("::ffff:".length) : canonical, port };
}

function covers(wide: Place, narrow: Place): boolean {
  if ("path" in wide || "path" in narrow)
    return "path" in wide && "path" in narrow && wide.path === narrow.path;
  // Port 0 is another port each time.
  if (wide.port !== narrow.port || wide.port === 0) return false;
  return wide.ip === narrow.ip || wide.ip === "::" || (wide.ip === "0.0.0.0" && isIP(narrow.ip) === 4);
}
