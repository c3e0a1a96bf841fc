import { join } from "node:path";
import { importLlamaPackage } from "../../chat/src/models/llama/package.ts";
import { writeTinyModel } from "../../chat/test/models/llama/tiny-model.ts";
import type { LoadClient } from "../load-client.ts";
import { type Bench, inspect, type Measure, ratio, withServer } from "../measure.ts";
import { bareLlamaPlan, type LlamaFiles, llamaPlan } from "../plans.ts";
import { makeRow, type Pair, type Row, type Target } from "../row.ts";
import type { Server } from "../servers.ts";
import { median } from "../statistics.ts";
import { CHAT } from "./chat-request.ts";

const USERS = 4;
const TOKENS = 64;
const ASKED = "Please explain how this works";
const TIMEOUT_MS = 60_000;

/** `large` is what the targets are for: as with any real model, nearly all of a token's time is computed. */
const SHAPES = { large: { layers: 6, width: 1024 }, tiny: {} } as const;
type ModelName = keyof typeof SHAPES;
const MODELS = ["large", "tiny"] as const;

/** How an answer is made: by us, by a bare `node:http` server, by a loop in one process. */
const WAYS = ["ours", "http", "process"] as const;
type Way = (typeof WAYS)[number];

/** Times of answers, in ms. */
interface Times {
  /** Of each round: one answer, or several at once. */
  roundMs: number[];
  firstTokenMs: number[];
  /** Tokens of all rounds. */
  tokens: number;
}

const NONE: Times = { roundMs: [], firstTokenMs: [], tokens: 0 };

/** Makes `users` answers at once, in `rounds` rounds. */
type Ask = (way: Way, model: ModelName, users: number, rounds: number) => Promise<Times>;

/** One pair of servers: medians by model, way and number of users. */
type Figures = (
  model: ModelName,
  way: Way,
  users: number,
) => { tokensPerSecond: number; firstTokenMs: number };

/** A GGUF file behind the server, beside the same in one process with nothing around it. */
export const llama: Measure = {
  name: "llama",
  async run(bench) {
    const missing = await importLlamaPackage().then(
      () => null,
      (error: Error) => error.message,
    );
    if (missing !== null) {
      bench.note(`llama was left out: ${missing}`);
      return [];
    }
    bench.progress(`${this.name}: writing the models`);
    const files = writeModels(bench);
    const pairs: Figures[] = [];
    for (let number = 1; number <= bench.pairs; number++) {
      bench.progress(`${this.name}: pair ${number} of ${bench.pairs}`);
      pairs.push(
        await withServer(llamaPlan(bench.node, files), (ours, client) =>
          withServer(bareLlamaPlan(bench.node, files), (bare) =>
            measure(bench, number, askOf(bench, ours, bare, client)),
          ),
        ),
      );
    }
    return rowsOf(pairs);
  },
};

/** Words that the models know as one token each. */
function words(count: number): string {
  const letter = (at: number) => String.fromCharCode("a".charCodeAt(0) + at);
  return Array.from({ length: count }, (_, at) => letter(Math.floor(at / 26)) + letter(at % 26)).join(" ");
}

function writeModels(bench: Bench): LlamaFiles {
  return Object.fromEntries(
    MODELS.map((name) => {
      const file = join(bench.folder, `${name}.gguf`);
      const shape = bench.quick ? {} : SHAPES[name];
      writeTinyModel(file, { contextLength: 512, says: words(TOKENS), ...shape });
      return [name, file];
    }),
  );
}

function askOf(bench: Bench, ours: Server, bare: Server, client: LoadClient): Ask {
  return async (way, model, users, rounds) => {
    if (way === "process") return inProcess(bare.port, model, users, rounds);
    const result = await client.streams({
      port: (way === "ours" ? ours : bare).port,
      path: CHAT,
      body: JSON.stringify({ prompt: ASKED, model }),
      streams: users,
      tokens: TOKENS,
      rounds,
      spreadMs: 0,
      timeoutMs: TIMEOUT_MS,
    });
    inspect(bench, `llama, ${model}, ${way}`, result);
    return { roundMs: result.roundMs, firstTokenMs: [result.latency.p50], tokens: result.tokens };
  };
}

async function inProcess(port: number, model: string, users: number, rounds: number): Promise<Times> {
  const query = new URLSearchParams({
    model,
    prompt: ASKED,
    users: String(users),
    rounds: String(rounds),
  });
  const response = await fetch(`http://127.0.0.1:${port}/in-process?${query}`);
  const times = (await response.json()) as Times;
  // Beside others, node-llama-cpp alone mixes up tokens now and then: see chat/src/models/llama/batches.ts.
  if (users === 1 && times.tokens !== rounds * TOKENS) throw new Error("an answer in process was not whole");
  return times;
}

/**
 * Measures one pair of servers. They run side by side, one asked and the other idle, in turns of a second or so: what
 * disturbs the machine for longer disturbs all alike, and 3 % can be told apart.
 */
async function measure(bench: Bench, number: number, ask: Ask): Promise<Figures> {
  const turns = bench.quick ? 1 : 3;
  // The small model's code is the large one's too, and compiled sooner.
  for (const way of WAYS) {
    const users = way === "http" ? 1 : USERS;
    await ask(way, "tiny", users, bench.quick ? 1 : 20);
    await ask(way, "large", users, 1);
  }
  const found = new Map<string, Times>();
  for (const model of MODELS) {
    for (let turn = 0; turn < turns; turn++) {
      for (let at = 0; at < WAYS.length; at++) {
        const way = WAYS[(number + turn + at) % WAYS.length] ?? "ours";
        // node-llama-cpp mixes up the tokens of several answers. The client over HTTP counts the tokens of each answer, so
        // there it makes one at a time.
        for (const users of way === "http" ? [1] : [1, USERS]) {
          const rounds = model === "tiny" ? 10 : users === 1 ? 3 : 1;
          const times = await ask(way, model, users, bench.quick ? 1 : rounds);
          const before = found.get(key(model, way, users)) ?? NONE;
          found.set(key(model, way, users), {
            roundMs: [...before.roundMs, ...times.roundMs],
            firstTokenMs: [...before.firstTokenMs, ...times.firstTokenMs],
            tokens: before.tokens + times.tokens,
          });
        }
      }
    }
  }
  return (model, way, users) => {
    const { roundMs, firstTokenMs, tokens } = found.get(key(model, way, users)) ?? NONE;
    return {
      tokensPerSecond: ((tokens / roundMs.length) * 1000) / median(roundMs),
      firstTokenMs: median(firstTokenMs),
    };
  };
}

function key(model: ModelName, way: Way, users: number): string {
  return `${model} ${way} ${users}`;
}

function rowsOf(pairs: readonly Figures[]): Row[] {
  const row = (name: string, title: string, unit: string, target: Target, pair: (figures: Figures) => Pair) =>
    makeRow({ name, title, unit, target }, pairs.map(pair));
  const tokens = (model: ModelName, other: Exclude<Way, "ours">, users: number) => (figures: Figures) => ({
    ours: figures(model, "ours", users).tokensPerSecond,
    other: figures(model, other, users).tokensPerSecond,
  });
  const first = (model: ModelName) => (figures: Figures) => ({
    ours: figures(model, "ours", 1).firstTokenMs,
    other: figures(model, "process", 1).firstTokenMs,
  });
  const share = ratio("at least", 0.97);
  const late: Target = { comparison: "difference", bound: "at most", limit: 3 };
  const told: Target = { comparison: "ratio", bound: "none" };
  return [
    row("llama", "GGUF, one user", "tokens/s", share, tokens("large", "process", 1)),
    row("llama-first-token", "the same: first token", "ms", late, first("large")),
    row("llama-http", "the same, beside a bare HTTP server", "tokens/s", share, tokens("large", "http", 1)),
    row("llama-users", `GGUF, ${USERS} users at once`, "tokens/s", share, tokens("large", "process", USERS)),
    row("llama-users-by-one", "the same, beside one user of ours", "tokens/s", told, (figures) => ({
      ours: figures("large", "ours", USERS).tokensPerSecond,
      other: figures("large", "ours", 1).tokensPerSecond,
    })),
    row("llama-tiny", "GGUF of 2 MB, one user", "tokens/s", told, tokens("tiny", "process", 1)),
    row("llama-tiny-first-token", "the same: first token", "ms", late, first("tiny")),
    row(
      "llama-tiny-http",
      "the same, beside a bare HTTP server",
      "tokens/s",
      told,
      tokens("tiny", "http", 1),
    ),
  ];
}
