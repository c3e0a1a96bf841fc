import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { sendEvents } from "../examples/express/send-events.ts";
import { readEvents } from "./support/events.ts";
import { type ExampleServer, exampleSuite } from "./support/example-server.ts";
import { waitFor } from "./support/wait.ts";

for (const name of ["express", "hono"]) exampleSuite(name, storyTests);

describe("sendEvents() of examples/express", () => {
  it("waits for a reader who does not read, and ends the stream when it leaves", async () => {
    let sent = 0;
    let isOver = false;
    async function* fiftyMegabytes(): AsyncGenerator<string[]> {
      try {
        for (; sent < 5000; sent++) {
          await nextTurn();
          yield ["x".repeat(10_000)];
        }
      } finally {
        isOver = true;
      }
    }
    const server = createServer((_request, response) => {
      void sendEvents(response, () => ({ batches: fiftyMegabytes }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const reader = connect(port, "127.0.0.1").pause();
    try {
      reader.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
      let before = 0;
      await waitFor("the stream to stand still", () => {
        const stands = sent > 0 && sent === before;
        before = sent;
        return stands;
      });
      expect(isOver).toBe(false);
      reader.destroy();
      await waitFor("the stream to end", () => isOver);
    } finally {
      reader.destroy();
      server.close();
    }
  });
});

function storyTests(server: () => ExampleServer): void {
  const listen = (about: string, signal?: AbortSignal): Promise<Response> =>
    server().post("/stories", { about }, { signal: signal ?? null });

  it("tells a story word by word, to its end", async () => {
    const response = await listen("two owls");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    const began = performance.now();
    const times: number[] = [];
    const words: unknown[] = [];
    for await (const { type, data } of readEvents(response)) {
      times.push(performance.now() - began);
      if (type === "message") words.push(data);
      else expect({ type, data }).toEqual({ type: "end", data: {} });
    }
    expect(words.join("")).toMatch(/^Once there were two owls who lived by the sea\. .* counted again\.$/);
    // The last word is far behind the first: they did not come in one piece.
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(500);
  });

  it("ends a story whose listener leaves", async () => {
    const left = new AbortController();
    const response = await listen("two deserted owls", left.signal);
    for await (const { data } of readEvents(response)) {
      if (data === "Once") break;
    }
    left.abort();
    await server().says(/the listener left the story of two deserted owls/);
  });

  it("tells whom it has no room for when to come back", async () => {
    const left = new AbortController();
    const responses = await Promise.all(Array.from({ length: 20 }, () => listen("a crowd", left.signal)));
    left.abort();
    const refused = responses.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const response of refused) {
      expect(response.status).toBe(429);
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    }
  });

  it("tells its listeners when the teller dies in the middle, and goes on with another", async () => {
    const [, pid] = await server().says(/dirty worker (\d+) is ready/);
    const events: unknown[] = [];
    for await (const { type, data } of readEvents(await listen("a short life"))) {
      if (events.length === 0) process.kill(Number(pid), "SIGKILL");
      events.push(type === "message" ? data : type);
    }
    expect(events[0]).toBe("Once");
    expect(events.at(-1)).toBe("failure");
    for await (const { data } of readEvents(await listen("the next"))) {
      expect(data).toBe("Once");
      break;
    }
  });

  it("does not fail at a path that cannot be read", async () => {
    const response = await server().ask("/titles/%E0%A4%A");
    expect(response.status).toBeLessThan(500);
  });

  it.for([
    ["is not JSON", "{about", 400],
    ["says nothing", "{}", 400],
    ["is too long", JSON.stringify({ about: "a".repeat(20_000) }), 413],
    ["is too long, as it turns out", new Blob(["a".repeat(20_000)]).stream(), 413],
  ] as const)("refuses a body that %s", async ([, body, status]) => {
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body, duplex: "half" };
    const response = await server().ask("/stories", init);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ detail: expect.any(String) });
  });
}
