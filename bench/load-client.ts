import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClientMessage, Load, LoadResult, SequentialLoad, StreamLoad } from "./load/messages.ts";

const ENTRY = fileURLToPath(new URL("./load-client.mjs", import.meta.url));

/**
 * The bench's view of a load client, a process of its own.
 * It runs on the bench's Node, also where `--node` names another one for the servers: one client for both sides.
 */
export class LoadClient {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts the process. */
  static start(): LoadClient {
    return new LoadClient(fork(ENTRY, { execArgv: [], serialization: "advanced" }));
  }

  /**
   * Runs streams to their end.
   * @param onOpen called once, when every stream of the first round has had its first token or failed
   * @throws Error when the client itself fails; failures of the server are counted in the result
   */
  streams(load: Omit<StreamLoad, "kind">, onOpen: () => void = () => {}): Promise<LoadResult> {
    return this.#run({ kind: "streams", ...load }, onOpen);
  }

  /**
   * Makes requests one after another.
   * @throws Error when the client itself fails
   */
  sequential(load: Omit<SequentialLoad, "kind">): Promise<LoadResult> {
    return this.#run({ kind: "sequential", ...load }, () => {});
  }

  /** Ends the process. */
  stop(): void {
    this.#child.kill("SIGKILL");
  }

  #run(load: Load, onOpen: () => void): Promise<LoadResult> {
    const child = this.#child;
    return new Promise<LoadResult>((resolve, reject) => {
      const settle = (act: () => void) => {
        child.off("message", onMessage);
        child.off("exit", onExit);
        act();
      };
      const onMessage = (message: unknown) => {
        if (!isClientMessage(message)) return;
        if (message.event === "open") onOpen();
        else if (message.event === "done") settle(() => resolve(message.result));
        else settle(() => reject(new Error(`the load client failed: ${message.reason}`)));
      };
      const onExit = () => settle(() => reject(new Error("the load client ended before its load")));
      child.on("message", onMessage);
      child.on("exit", onExit);
      child.send(load);
    });
  }
}

function isClientMessage(message: unknown): message is ClientMessage {
  if (typeof message !== "object" || message === null || !("event" in message)) return false;
  if (message.event === "done") return "result" in message && typeof message.result === "object";
  return message.event === "open" || (message.event === "failed" && "reason" in message);
}
