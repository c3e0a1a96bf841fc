import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PNG } from "pngjs";
import { expect, it } from "vitest";
import { NO_PYTHON, PYTHON } from "../server/test/python/python.ts";
import { repository } from "./support/command.ts";
import { type ExampleServer, exampleSuite } from "./support/example-server.ts";
import { waitFor } from "./support/wait.ts";

exampleSuite("python-model", modelTests, {
  env: { TSUNICORN_PYTHON: PYTHON, TSUNICORN_DIRTY_QUEUE_SIZE: "8" },
  missing: NO_PYTHON,
});

exampleSuite("embeddings", embeddingTests);

exampleSuite("images", imageTests);

/** Asks `count` times at once, waits until a request is refused, and leaves. */
async function refusedOf(count: number, ask: (signal: AbortSignal) => Promise<Response>): Promise<void> {
  const left = new AbortController();
  const refused = new Promise<Response>((resolve, reject) => {
    const asked = Array.from({ length: count }, async () => {
      const response = await ask(left.signal);
      if (response.status !== 200) resolve(response);
    });
    void Promise.allSettled(asked).then(() => reject(new Error("no request was refused")));
  });
  try {
    const response = await refused;
    expect(response.status).toBe(429);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await response.json()).toEqual({ detail: "Too Many Requests" });
  } finally {
    left.abort();
  }
}

function modelTests(server: () => ExampleServer): void {
  it("says the words as they come, and stops when their reader leaves", async () => {
    const body = { prompt: "a reader who left", words: 1000 };
    const response = await server().post("/dictate", body);
    for await (const part of response.body ?? []) {
      expect(Buffer.from(part).toString()).toMatch(/^\S+ $/);
      break; // which closes the connection
    }
    await server().says(/the reader of 'a reader who left' left/);
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

  // The last one: the crowd is still leaving when it is over.
  it("tells whom it has no room for when to come back", async () => {
    await refusedOf(24, (signal) =>
      server().post("/dictate", { prompt: "a crowd", words: 1000 }, { signal }),
    );
    expect(server().log).not.toContain("a request failed");
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

function imageTests(server: () => ExampleServer): void {
  const sample = readFileSync(join(repository, "examples/images/sample.png"));
  const thumbnail = (body: Buffer | ReadableStream, query = "", more: RequestInit = {}): Promise<Response> =>
    server().ask(`/thumbnail${query}`, { method: "POST", body, duplex: "half", ...more } as RequestInit);
  const large = PNG.sync.write(new PNG({ width: 4000, height: 4000 }), { filterType: 0, deflateLevel: 1 });
  const read = async (response: Response): Promise<PNG> => {
    expect(response.status).toBe(200);
    return PNG.sync.read(Buffer.from(await response.arrayBuffer()));
  };

  it("wrote a thumbnail where the README's command said", () => {
    const { width, height } = PNG.sync.read(readFileSync(join(server().folder, "thumbnail.png")));
    expect({ width, height }).toEqual({ width: 160, height: 100 });
  });

  it("keeps the colours of an image, and one that is small enough", async () => {
    const small = await read(await thumbnail(sample, "?width=64"));
    expect({ width: small.width, height: small.height }).toEqual({ width: 64, height: 40 });
    // In the middle of the moon.
    expect([...small.data.subarray((9 * 64 + 47) * 4, (9 * 64 + 47) * 4 + 4)]).toEqual([250, 240, 210, 255]);
    const same = await read(await thumbnail(sample, "?width=2000"));
    expect(same.data.equals(PNG.sync.read(sample).data)).toBe(true);
  });

  it.for([
    ["a broken image", sample.subarray(0, 3000), 422, "this PNG image is broken"],
    ["nothing", Buffer.alloc(0), 422, "this is not a PNG image"],
    ["an image of too many pixels", bomb(100_000), 422, expect.stringContaining("too many pixels")],
    ["more than 10 MiB", Buffer.alloc(11_000_000), 413, expect.stringContaining("larger than")],
    ["more than 10 MiB, as it turns out", stream(11_000_000), 413, expect.stringContaining("larger than")],
  ] as const)("refuses %s", async ([, body, status, detail]) => {
    const response = await thumbnail(body);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ detail });
    expect(server().log).not.toMatch(/"level":"error"/);
  });

  it("answers /health while its workers are all at work", async () => {
    let working = true;
    const thumbnails = Promise.all(Array.from({ length: 4 }, async () => read(await thumbnail(large))));
    const ended = (): void => {
      working = false;
    };
    thumbnails.then(ended, ended);
    let answers = 0;
    while (working) {
      const response = await server().ask("/health", { signal: AbortSignal.timeout(5000) });
      if (response.status === 200) answers++;
    }
    expect((await thumbnails).map(({ width }) => width)).toEqual([200, 200, 200, 200]);
    // A server that the images hold up would answer the first request after them, and no other.
    expect(answers).toBeGreaterThan(4);
  });

  it("tells whom it has no room for when to come back", async () => {
    await refusedOf(24, (signal) => thumbnail(large, "", { signal }));
    expect(server().log).not.toContain("a request failed");
  });

  /** An image that says that it is large, and has nothing. */
  function bomb(size: number): Buffer {
    const bytes = Buffer.from(sample);
    bytes.writeUInt32BE(size, 16);
    bytes.writeUInt32BE(size, 20);
    return bytes;
  }

  function stream(size: number): ReadableStream {
    return new Blob([new Uint8Array(size)]).stream();
  }
}
