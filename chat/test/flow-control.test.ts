import { getEventListeners } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CLIENT_GONE, drained, whenClientGone } from "../src/flow-control.ts";

const EVENTS = ["drain", "close"] as const;

describe("a response to a client that does not read", () => {
  let response: ServerResponse;
  let client: Socket;
  let stop: () => Promise<unknown>;

  beforeEach(async () => {
    const server = createServer();
    const arrived = new Promise<ServerResponse>((resolve) => {
      server.once("request", (_request, response) => resolve(response));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    client.on("error", () => {});
    client.pause();
    client.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    response = await arrived;
    stop = () => {
      client.destroy();
      return new Promise((resolve) => server.close(resolve));
    };
  });

  afterEach(async () => {
    await stop();
  });

  function fill(): void {
    while (response.write("x".repeat(65_536)));
  }

  function listeners(): number[] {
    return EVENTS.map((event) => response.listenerCount(event));
  }

  it("goes on when the client reads, and leaves no listener behind", async () => {
    const { signal } = new AbortController();
    const before = listeners();
    fill();
    const waiting = drained(response, signal);
    client.resume();
    await waiting;
    expect(response.writableNeedDrain).toBe(false);
    expect(listeners()).toEqual(before);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("goes on when the client leaves instead, and leaves no listener behind", async () => {
    const { signal } = new AbortController();
    fill();
    const waiting = drained(response, signal);
    client.destroy();
    await waiting;
    expect(response.listenerCount("drain")).toBe(0);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    await drained(response, signal);
  });

  it("goes on when the work is aborted", async () => {
    const controller = new AbortController();
    const before = listeners();
    fill();
    const waiting = drained(response, controller.signal);
    controller.abort();
    await waiting;
    expect(listeners()).toEqual(before);
    await drained(response, controller.signal);
  });

  it("aborts its work when the client leaves", async () => {
    const signal = whenClientGone(response);
    expect(signal.aborted).toBe(false);
    client.destroy();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    expect(signal.reason).toBe(CLIENT_GONE);
    expect(whenClientGone(response).reason).toBe(CLIENT_GONE);
  });
});
