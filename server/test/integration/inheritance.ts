/** Listening sockets as a service manager holds them: bound and listening, so that connections wait for the service. */
import { spawnSync } from "node:child_process";
import { ListeningSocket } from "../../src/arbiter/listening-socket.ts";

// What was bound only would refuse connections; what has once listened keeps them until its last holder closes it.
const LISTEN = `
let left = Number(process.argv[1]);
for (let fd = 3; fd < 3 + Number(process.argv[1]); fd++) {
  require("node:net").createServer().listen({ fd }, () => { if (--left === 0) process.exit(0); });
}`;

/** Binds addresses and makes the kernel take connections there; no process accepts them yet. */
export async function listenAsManager(...binds: string[]): Promise<ListeningSocket[]> {
  const sockets: ListeningSocket[] = [];
  for (const bind of binds) sockets.push(await ListeningSocket.bind(bind));
  const { status } = spawnSync(process.execPath, ["-e", LISTEN, String(binds.length)], {
    stdio: ["ignore", "inherit", "inherit", ...sockets.map((socket) => socket.fd)],
  });
  if (status !== 0) throw new Error("the sockets do not listen");
  return sockets;
}
