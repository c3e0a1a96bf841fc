import { createServer } from "node:net";

// Below the ports that a kernel gives to processes which ask for any port. So no client or other listener gets one.
const FIRST_PORT = 20_000;
const PORTS = 12_000;
/** Two test files may run at once: each has a share of its own. */
const SHARES = 2;
const handedOut = new Set<number>();

/**
 * A TCP port that is free right now, and is given to no other test.
 * @throws Error where no port is free, after many tries
 */
export async function freePort(): Promise<number> {
  const share = Number(process.env["VITEST_POOL_ID"] ?? 0) % SHARES;
  for (let tries = 0; tries < 1000; tries++) {
    const port = FIRST_PORT + share + SHARES * Math.floor((Math.random() * PORTS) / SHARES);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error("there is no free port");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
