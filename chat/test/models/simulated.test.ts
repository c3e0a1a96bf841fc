import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { answerTo } from "../../src/models/answers.ts";
import type { Message } from "../../src/models/model.ts";
import { SimulatedModel, type SimulatedSettings, simulatedSettings } from "../../src/models/simulated.ts";
import { isWord } from "../../src/models/tokenize.ts";

const NO_DELAY = { min: 0, max: 0 };

async function answer(
  settings: SimulatedSettings,
  prompt: string,
  thinking = false,
  emitted: readonly string[] = [],
  messages: readonly Message[] = [],
): Promise<string[]> {
  const { signal } = new AbortController();
  const tokens: string[] = [];
  for await (const token of new SimulatedModel(settings).stream(
    { prompt, messages, thinking, emitted },
    signal,
  ))
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
      { prompt: "hello", messages: [], thinking: false, emitted: [] },
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
      { prompt: "hello", messages: [], thinking: true, emitted: [] },
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
    const tokens = new SimulatedModel({ delay }).stream(
      { prompt: "!", messages: [], thinking: false, emitted: [] },
      controller.signal,
    );
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
    for await (const _token of model.stream(
      { prompt: "hi", messages: [], thinking: false, emitted: [] },
      signal,
    ));
    for await (const _token of model.stream(
      { prompt: "hi", messages: [], thinking: false, emitted: [] },
      signal,
    ))
      break;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("echoes the prompt, for load tests that must know whose answer they got", async () => {
    const settings = { ...simulatedSettings({ CHAT_SIMULATED_ANSWER: "echo" }), delay: NO_DELAY };
    expect(await answer(settings, "hello, c1-2.\n“ok”")).toEqual([
      "hello",
      ",",
      " ",
      "c1-2",
      ".",
      "\n",
      "“",
      "ok",
      "”",
    ]);
    expect((await answer({ ...settings, answerTokens: 4 }, "a b")).join("")).toBe("a b\n\n");
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

describe("an answer that another worker began", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each<[name: string, settings: SimulatedSettings, prompt: string, thinking: boolean]>([
    ["an answer", { delay: NO_DELAY }, "code", false],
    ["an answer after its thinking phase", { delay: NO_DELAY }, "hello", true],
    ["a paced answer", { delay: { min: 0, max: 1 }, pauseBefore: "word", answerTokens: 12 }, "hello", false],
    ["an answer that is repeated", { delay: NO_DELAY, answerTokens: 400 }, "hello", false],
    ["an answer that is cut", { delay: NO_DELAY, answerTokens: 20 }, "explain", true],
    ["an answer about what was asked before", { delay: NO_DELAY }, "what did I ask before?", true],
  ])("goes on exactly after each of its tokens: %s", async (_name, settings, prompt, thinking) => {
    const messages: Message[] = [{ role: "user", content: "What is a slot?" }];
    const whole = await answer(settings, prompt, thinking, [], messages);
    for (let cut = 0; cut <= whole.length; cut++) {
      const rest = await answer(settings, prompt, thinking, whole.slice(0, cut), messages);
      expect(rest, `after ${cut} tokens`).toEqual(whole.slice(cut));
    }
  });

  it("goes on after any part of a paced thinking phase", async () => {
    vi.useFakeTimers();
    const settings: SimulatedSettings = { delay: { min: 5, max: 9 }, answerTokens: 4 };
    const read = async (emitted: readonly string[]) => {
      const tokens = answer(settings, "hello", true, emitted);
      await vi.runAllTimersAsync();
      return tokens;
    };
    const whole = await read([]);
    expect(whole).toHaveLength(7 + 4);
    for (let cut = 0; cut <= whole.length; cut++) {
      expect(await read(whole.slice(0, cut)), `after ${cut} tokens`).toEqual(whole.slice(cut));
    }
  });

  it.each([
    ["its thinking", ["[", "thinking", ".", "."], ".", 300],
    ["its thinking phase", ["[", "thinking", ".", ".", ".", "]", "\n\n"], "Hello", 20],
    ["a word", ["[", "thinking", ".", ".", ".", "]", "\n\n", "Hello"], "!", 0],
  ])("waits for its next token only, not again for %s", async (_name, emitted, token, ms) => {
    vi.useFakeTimers();
    const request = { prompt: "hello", messages: [], thinking: true, emitted };
    const tokens = new SimulatedModel({ delay: { min: 20, max: 20 } }).stream(
      request,
      new AbortController().signal,
    );
    const began = Date.now();
    const next = tokens.next();
    await vi.advanceTimersByTimeAsync(ms);
    expect(await next).toEqual({ done: false, value: token });
    expect(Date.now() - began).toBe(ms);
    await tokens.return();
  });
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
    for await (const _ of model.stream(
      { prompt: "hello", messages: [], thinking: false, emitted: [] },
      new AbortController().signal,
    ))
      tokens++;
    expect(tokens).toBe(6);
    // Six pauses of 20 ms; before words only there would be half as many.
    expect(performance.now() - began).toBeGreaterThan(110);
  });

  it("refuse an unknown pause by name", () => {
    expect(() => simulatedSettings({ CHAT_SIMULATED_PAUSE: "line" })).toThrow("CHAT_SIMULATED_PAUSE");
  });

  it("refuse an unknown answer by name", () => {
    expect(() => simulatedSettings({ CHAT_SIMULATED_ANSWER: "parrot" })).toThrow("CHAT_SIMULATED_ANSWER");
  });

  it.each(["0", "-1", "many", "1.5"])("refuse %j tokens by name", (tokens) => {
    expect(() => simulatedSettings({ CHAT_SIMULATED_TOKENS: tokens })).toThrow("CHAT_SIMULATED_TOKENS");
  });
});
