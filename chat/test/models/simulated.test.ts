import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { answerTo } from "../../src/models/answers.ts";
import { SimulatedModel, type SimulatedSettings, simulatedSettings } from "../../src/models/simulated.ts";
import { isWord } from "../../src/models/tokenize.ts";

const NO_DELAY = { min: 0, max: 0 };

async function answer(settings: SimulatedSettings, prompt: string, thinking = false): Promise<string[]> {
  const { signal } = new AbortController();
  const tokens: string[] = [];
  for await (const token of new SimulatedModel(settings).stream({ prompt, thinking }, signal))
    tokens.push(token);
  return tokens;
}

describe("the simulated model", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("streams the prepared answer as it stands", async () => {
    expect(await answer({ delay: NO_DELAY }, "hello")).toEqual(answerTo("hello"));
    expect(await answer({ delay: { min: 0, max: 1 }, answerTokens: 20 }, "code")).toEqual(
      answerTo("code").slice(0, 20),
    );
  });

  it("thinks first, when asked to, in front of the same answer", async () => {
    const tokens = await answer({ delay: NO_DELAY }, "hello", true);
    expect(tokens.slice(0, 7)).toEqual(["[", "thinking", ".", ".", ".", "]", "\n\n"]);
    expect(tokens.slice(7)).toEqual(answerTo("hello"));
  });

  it("waits before each word, and before nothing else", async () => {
    vi.useFakeTimers();
    const { signal } = new AbortController();
    const tokens = new SimulatedModel({ delay: { min: 20, max: 20 } }).stream(
      { prompt: "hello", thinking: false },
      signal,
    );
    for (const expected of answerTo("hello").slice(0, 30)) {
      const before = Date.now();
      const next = tokens.next();
      await vi.advanceTimersByTimeAsync(isWord(expected) ? 20 : 0);
      expect(await next).toEqual({ done: false, value: expected });
      expect(Date.now() - before).toBe(isWord(expected) ? 20 : 0);
    }
    await tokens.return();
  });

  it("pauses 0.3 s before each dot of its thinking", async () => {
    vi.useFakeTimers();
    const { signal } = new AbortController();
    const tokens = new SimulatedModel({ delay: { min: 1, max: 1 } }).stream(
      { prompt: "hello", thinking: true },
      signal,
    );
    const times: [string, number][] = [];
    const began = Date.now();
    const reading = (async () => {
      for await (const token of tokens) {
        times.push([token, Date.now() - began]);
        if (token === "\n\n") return;
      }
    })();
    await vi.advanceTimersByTimeAsync(1000);
    await reading;
    expect(times).toEqual([
      ["[", 0],
      ["thinking", 0],
      [".", 300],
      [".", 600],
      [".", 900],
      ["]", 900],
      ["\n\n", 900],
    ]);
  });

  it.each([
    ["while it pauses", { min: 60_000, max: 60_000 }],
    ["between tokens", NO_DELAY],
  ])("stops at once on abort, %s, and does not end as if it were whole", async (_name, delay) => {
    const controller = new AbortController();
    const tokens = new SimulatedModel({ delay }).stream({ prompt: "!", thinking: false }, controller.signal);
    if (delay.max === 0) await tokens.next();
    const next = delay.max === 0 ? undefined : tokens.next();
    controller.abort(new Error("gone"));
    await expect(next ?? tokens.next()).rejects.toThrow("gone");
    expect(await tokens.next()).toEqual({ done: true, value: undefined });
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("leaves no listener behind when it has ended, or is left early", async () => {
    const { signal } = new AbortController();
    const model = new SimulatedModel({ delay: { min: 0, max: 1 }, answerTokens: 5 });
    for await (const _token of model.stream({ prompt: "hi", thinking: false }, signal));
    for await (const _token of model.stream({ prompt: "hi", thinking: false }, signal)) break;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it.each([1, 2, 1000, 100_003])(
    "makes answers of exactly %i tokens for load tests",
    async (answerTokens) => {
      for (const prompt of ["hello", "anything"]) {
        expect(await answer({ delay: NO_DELAY, answerTokens }, prompt)).toHaveLength(answerTokens);
      }
    },
  );
});

describe("its settings", () => {
  it("are 30 to 80 ms and answers of their own length by default", () => {
    expect(simulatedSettings({})).toEqual({ delay: { min: 30, max: 80 }, pauseBefore: "word" });
    expect(simulatedSettings({ CHAT_TOKEN_DELAY_MS: "", CHAT_SIMULATED_TOKENS: "" })).toEqual({
      delay: { min: 30, max: 80 },
      pauseBefore: "word",
    });
  });

  it("come from the environment", () => {
    expect(simulatedSettings({ CHAT_TOKEN_DELAY_MS: "0", CHAT_SIMULATED_TOKENS: "1000" })).toEqual({
      delay: NO_DELAY,
      pauseBefore: "word",
      answerTokens: 1000,
    });
  });

  it("can make tokens come one by one", async () => {
    const settings = simulatedSettings({ CHAT_TOKEN_DELAY_MS: "20", CHAT_SIMULATED_PAUSE: "token" });
    const model = new SimulatedModel({ ...settings, answerTokens: 6 });
    const began = performance.now();
    let tokens = 0;
    for await (const _ of model.stream({ prompt: "hello", thinking: false }, new AbortController().signal))
      tokens++;
    expect(tokens).toBe(6);
    // Six pauses of 20 ms; before words only there would be half as many.
    expect(performance.now() - began).toBeGreaterThan(110);
  });

  it("refuse an unknown pause by name", () => {
    expect(() => simulatedSettings({ CHAT_SIMULATED_PAUSE: "line" })).toThrow("CHAT_SIMULATED_PAUSE");
  });

  it.each(["0", "-1", "many", "1.5"])("refuse %j tokens by name", (tokens) => {
    expect(() => simulatedSettings({ CHAT_SIMULATED_TOKENS: tokens })).toThrow("CHAT_SIMULATED_TOKENS");
  });
});
