/** The service manager's end of NOTIFY_SOCKET, in Python, since Node has no datagram sockets for paths. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { eventually } from "./harness.ts";

const PYTHON = process.env["PYTHON"] ?? "python3";
const RECEIVE = `
import json, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print(json.dumps("bound"), flush=True)
while True:
    print(json.dumps(receiver.recv(65536).decode()), flush=True)
`;

/** Why messages to a service manager cannot be tried on this machine; undefined: they can. */
export const NO_NOTIFY: string | undefined = missing(PYTHON) ?? missing("systemd-notify");

/** Who listens at NOTIFY_SOCKET. */
export class ServiceManager {
  readonly socket: string;
  private readonly process: ChildProcess;
  private output = "";

  private constructor(socket: string) {
    this.socket = socket;
    this.process = spawn(PYTHON, ["-I", "-c", RECEIVE, socket], { stdio: ["ignore", "pipe", "inherit"] });
    this.process.stdout?.on("data", (data: Buffer) => {
      this.output += data.toString();
    });
  }

  /** @param socket path that it binds. */
  static async at(socket: string): Promise<ServiceManager> {
    const manager = new ServiceManager(socket);
    await eventually("the service manager listens", () => manager.output !== "");
    return manager;
  }

  /** The messages so far, without those by which the helper waits until it was read. */
  get messages(): string[] {
    return this.output
      .split("\n")
      .slice(1, -1)
      .map((line): string => JSON.parse(line))
      .filter((message) => message !== "BARRIER=1");
  }

  /** Waits for a message. */
  async hears(pattern: RegExp, ms?: number): Promise<string> {
    return eventually(
      `the service manager hears ${pattern}`,
      () => this.messages.find((one) => pattern.test(one)),
      ms,
    );
  }

  close(): void {
    this.process.kill("SIGKILL");
  }
}

function missing(command: string): string | undefined {
  return spawnSync(command, ["--version"]).status === 0 ? undefined : `${command} cannot be started`;
}
