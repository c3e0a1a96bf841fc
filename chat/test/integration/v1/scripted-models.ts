import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, temporaryFolder } from "../../../../server/test/integration/harness.ts";

/**
 * Models of a user's own, as files: `scripted` has only `generate` and does what the words of its prompt say, one run at
 * a time; `embedder` has only `embed`; `tooled` calls the first tool that it is given;
 * `judge` says as our own models do that it cannot do something.
 */
const FILES = {
  "scripted.mjs": `
import { appendFileSync } from "node:fs";
import { once } from "node:events";
import { DirtyApp, DirtyAppError } from "tsunicorn";

export class Scripted extends DirtyApp {
  static concurrency = 1;
  async *generate(prompt, thinking, messages) {
    const { id, signal } = this.request;
    const note = (what) => appendFileSync(new URL("notes.log", import.meta.url), JSON.stringify({ id, what, at: Date.now() }) + "\\n");
    note("began");
    try {
      for (const word of prompt.split(" ")) {
        if (word === "hang") { await once(signal, "abort"); throw signal.reason; }
        if (word === "fail") throw new Error("the password is swordfish");
        if (word === "args") { yield JSON.stringify([thinking, messages]); continue; }
        yield word;
      }
    } finally { note("ended"); }
  }
}

export class Embedder extends DirtyApp {
  embed(inputs) {
    return { vectors: inputs.map((text) => [text.length, 0.5, -0.25]), promptTokens: inputs.length };
  }
}

export class Tooled extends DirtyApp {
  async *complete({ prompt, options }) {
    const { tools, toolChoice } = options;
    const { name } = tools[0].function;
    yield { toolCalls: [{ index: 0, id: "call_1", type: "function", function: { name, arguments: "" } }] };
    for (const part of JSON.stringify({ prompt, toolChoice }).split(/(?=:)/)) {
      yield { toolCalls: [{ index: 0, function: { arguments: part } }] };
    }
    yield { finish: { reason: "tool_calls", promptTokens: 1, completionTokens: 2 } };
  }
}

class UnsupportedRequestError extends DirtyAppError {}
export class Judge extends DirtyApp {
  async *complete({ messages }) {
    throw new UnsupportedRequestError("The conversation is too long.", {
      details: { param: "messages", code: "context_length_exceeded" },
    });
  }
  async *generate() { yield* this.complete({}); }
}
`,
};

/** For `CHAT_MODELS`, in the folder of {@link scriptedFolder}. */
export const SCRIPTED =
  "simulated,scripted=./scripted:Scripted,org/embedder=./scripted:Embedder,judge=./scripted:Judge,tooled=./scripted:Tooled";

/** A folder with the models in it, which they write their notes into. */
export function scriptedFolder(): string {
  return temporaryFolder(FILES);
}

/** When a run of the model `scripted` began or ended, in ms since the epoch. */
export function noted(folder: string, id: string, what: "began" | "ended"): Promise<number> {
  return eventually(`${id} ${what}`, () => {
    const file = join(folder, "notes.log");
    if (!existsSync(file)) return undefined;
    const notes = readFileSync(file, "utf8").split("\n").slice(0, -1);
    return notes
      .map((line): { id: string; what: string; at: number } => JSON.parse(line))
      .find((note) => note.id === id && note.what === what)?.at;
  });
}
