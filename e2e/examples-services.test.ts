import { expect, it } from "vitest";
import { NO_PYTHON, PYTHON } from "../server/test/python/python.ts";
import { type ExampleServer, exampleSuite } from "./support/example-server.ts";
import { waitFor } from "./support/wait.ts";

exampleSuite("python-model", modelTests, { env: { TSUNICORN_PYTHON: PYTHON }, missing: NO_PYTHON });

exampleSuite("embeddings", embeddingTests);

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

function embeddingTests(server: () => ExampleServer): void {
  const embed = async (...texts: string[]): Promise<{ vectors: number[][]; together: number }> => {
    const response = await server().post("/embed", { texts });
    expect(response.status).toBe(200);
    return await response.json();
  };

  it("gives each text a vector of length 1, the same each time, and near to its like", async () => {
    const { vectors } = await embed("Tokens are streamed.", "a stream of tokens", "The sea was quiet.", "");
    const [first = [], alike = [], other = [], empty = []] = vectors;
    expect(vectors.map(({ length }) => length)).toEqual([256, 256, 256, 256]);
    const times = (a: number[], b: number[]): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
    expect(times(first, first)).toBeCloseTo(1, 2);
    expect(times(first, alike)).toBeGreaterThan(2 * times(first, other));
    expect(times(empty, empty)).toBe(0);
    expect((await embed("Tokens are streamed.")).vectors).toEqual([first]);
  });

  it("computes together what comes together, and gives everybody their own", async () => {
    const words = Array.from({ length: 40 }, (_, index) => `word${index} ${"x".repeat(index)}`);
    const alone = (await embed(...words)).vectors;
    await waitFor("requests that are computed together", async () => {
      const answers = await Promise.all(words.map((word) => embed(word)));
      expect(answers.map(({ vectors }) => vectors[0])).toEqual(alone);
      return Math.max(...answers.map(({ together }) => together)) > 1;
    });
  });

  it.for([
    ["no texts", { texts: [] }, 400],
    ["too many texts", { texts: Array(65).fill("a") }, 400],
    ["a text that is too long", { texts: ["a".repeat(10_001)] }, 400],
    ["more than 1 MiB", { texts: ["a".repeat(1_100_000)] }, 413],
  ] as const)("refuses %s", async ([, body, status]) => {
    expect((await server().post("/embed", body)).status).toBe(status);
  });
}
