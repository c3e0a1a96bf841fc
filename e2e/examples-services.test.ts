import { expect, it } from "vitest";
import { NO_PYTHON, PYTHON } from "../server/test/python/python.ts";
import { type ExampleServer, exampleSuite } from "./support/example-server.ts";

exampleSuite("python-model", modelTests, { env: { TSUNICORN_PYTHON: PYTHON }, missing: NO_PYTHON });

function modelTests(server: () => ExampleServer): void {
  it("says the words as they come, and stops when nobody reads on", async () => {
    const body = { prompt: "a reader who left", words: 1000 };
    const response = await server().post("/dictate", body);
    for await (const part of response.body ?? []) {
      expect(Buffer.from(part).toString()).toMatch(/^\S+ $/);
      break; // which closes the connection
    }
    await server().says(/nobody reads what 'a reader who left' began/);
    expect(server().log).not.toContain("a request failed");
  });

  it("serves plain generators side by side", async () => {
    const texts = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const response = await server().post("/generate", { prompt: "The sea", words: 300, seed: 21 });
        return await response.text();
      }),
    );
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]?.trim().split(" ")).toHaveLength(300);
  });

  it("refuses what it cannot read", async () => {
    const response = await server().post("/generate", { words: 3 });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ detail: "body must have required property 'prompt'" });
  });
}
