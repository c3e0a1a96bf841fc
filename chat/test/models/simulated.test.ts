import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { answerTo } from "../../src/models/answers.ts";
import type { Finish, GenerateRequest, Message, Piece } from "../../src/models/model.ts";
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
  for await (const token of new SimulatedModel(settings).text(
    { prompt, messages, thinking, emitted },
    signal,
  ))
    tokens.push(token);
  return tokens;
}

async function complete(request: Partial<GenerateRequest>): Promise<{ pieces: Piece[]; finish: Finish }> {
  const model = new SimulatedModel({ delay: NO_DELAY });
  const { signal } = new AbortController();
  const stream = model.stream({ prompt: "", messages: [], thinking: false, emitted: [], ...request }, signal);
  const pieces: Piece[] = [];
  for (;;) {
    const step = await stream.next();
    if (step.done) return { pieces, finish: step.value };
    pieces.push(step.value);
  }
}

describe("the simulated model, as text", () => {
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
    const tokens = new SimulatedModel({ delay: { min: 20, max: 20 } }).text(
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
    const tokens = new SimulatedModel({ delay: { min: 1, max: 1 } }).text(
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
    const tokens = new SimulatedModel({ delay }).text(
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
    for await (const _token of model.text(
      { prompt: "hi", messages: [], thinking: false, emitted: [] },
      signal,
    ));
    for await (const _token of model.text(
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
    const tokens = new SimulatedModel({ delay: { min: 20, max: 20 } }).text(
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

describe("the simulated model, in pieces", () => {
  it("says the same, and keeps what it thinks apart", async () => {
    const { pieces, finish } = await complete({ prompt: "hello", thinking: true });
    expect(pieces.slice(0, 4)).toEqual(["thinking", ".", ".", "."].map((reasoning) => ({ reasoning })));
    expect(pieces.slice(4)).toEqual(answerTo("hello"));
    expect(finish).toEqual({ reason: "stop", promptTokens: 1, completionTokens: pieces.length });
  });

  it("counts all that it was asked, in its own tokens", async () => {
    const messages: Message[] = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "one two" },
    ];
    expect((await complete({ prompt: "three", messages })).finish.promptTokens).toBe(4 + 3 + 1);
  });

  it.each([
    [1, ["Hello"], "length"],
    [3, ["Hello", "!", " "], "length"],
    [answerTo("hello").length, answerTo("hello"), "stop"],
  ] as const)("has no more than %i tokens where no more are wanted", async (maxTokens, expected, reason) => {
    const { pieces, finish } = await complete({ prompt: "hello", options: { maxTokens } });
    expect(pieces).toEqual(expected);
    expect(finish).toMatchObject({ reason, completionTokens: expected.length });
  });

  it("counts its thinking against what it may have", async () => {
    const { pieces, finish } = await complete({ prompt: "hello", thinking: true, options: { maxTokens: 5 } });
    expect(pieces).toHaveLength(5);
    expect(pieces.at(-1)).toBe("Hello");
    expect(finish.reason).toBe("length");
    const short = await complete({ prompt: "hello", thinking: true, options: { maxTokens: 2 } });
    expect(short.pieces).toEqual([{ reasoning: "thinking" }, { reasoning: "." }]);
    expect(short.finish).toMatchObject({ reason: "length", completionTokens: 2 });
  });

  it.each([
    [[" simulated"], "Hello! I'm a"],
    [["nowhere", "! I"], "Hello"],
    [["a simulated AI X", "AI assistant,"], "Hello! I'm a simulated "],
    [["Hello"], ""],
  ])("ends before %j", async (stop, expected) => {
    const { pieces, finish } = await complete({ prompt: "hello", options: { stop } });
    expect(pieces.join("")).toBe(expected);
    expect(finish.reason).toBe("stop");
  });

  it("says all where no stop string comes, also what looked like the beginning of one", async () => {
    const { pieces } = await complete({ prompt: "hello", options: { stop: ["talking.?", "Hello!!"] } });
    expect(pieces.join("")).toBe(answerTo("hello").join(""));
  });

  it("goes on exactly after each of its pieces, with all that was asked for", async () => {
    const options = { stop: ["words", "AI assist!"], maxTokens: 90 };
    const whole = await complete({ prompt: "hello", thinking: true, options });
    for (let at = 0; at <= whole.pieces.length; at++) {
      const emitted = whole.pieces.slice(0, at);
      const rest = await complete({ prompt: "hello", thinking: true, options, emitted });
      expect(rest.pieces, `after ${at}`).toEqual(whole.pieces.slice(at));
      expect(rest.finish, `after ${at}`).toEqual(whole.finish);
    }
  });

  it.each([
    [{ tools: [{ type: "function" }] }, "tools"],
    [{ json: {} }, "JSON output"],
  ])("refuses %j, and says so", async (options, what) => {
    await expect(complete({ prompt: "hello", options })).rejects.toThrow(
      `This model does not support ${what}.`,
    );
  });

  it("stops at once on abort while it pauses, and leaves no listener", async () => {
    const controller = new AbortController();
    const model = new SimulatedModel({ delay: { min: 60_000, max: 60_000 } });
    const next = model.stream(
      { prompt: "hello", messages: [], thinking: false, emitted: [] },
      controller.signal,
    );
    const first = next.next();
    controller.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
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
    for await (const _ of model.text(
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
