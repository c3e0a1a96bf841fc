import type { Message } from "./model.ts";
import { recall } from "./recall.ts";
import { tokenize } from "./tokenize.ts";

const GREETING = `Hello! I'm a simulated AI assistant, and I live in a dirty worker: a process that stays up \
between requests, so that a model loaded once can answer many people. There is no neural network behind \
these words. They are written down in advance and sent one token at a time, the way a language model would \
send them.

Ask me to **explain** how this works, ask about **streaming**, or ask for some **code**. And when you leave \
in the middle of a sentence, I stop talking.`;

const EXPLANATION = `A web server is at its best when every request is short. Running a model is the \
opposite: it takes seconds or minutes, it needs memory that you only want to fill once, and it can keep a \
processor busy all that time. **Dirty workers** keep the two apart.

Tsunicorn starts four kinds of processes:

- the **arbiter**, which binds the sockets and keeps all the others alive, but carries no traffic;
- the **HTTP workers**, which run your web app and stay free to answer at once;
- the **dirty workers**, which call your app's \`init\` once, keep what it loaded, and run its actions;
- the **dirty arbiter**, which decides which dirty worker takes the next request.

When you sent this prompt, an HTTP worker asked the dirty arbiter for a slot. It was given a place in the \
least loaded dirty worker, or a place in a queue of limited length, and since then the two talk to each other \
directly. Each app says how many requests it can run at once in one worker. A run that takes too long is \
stopped and its caller is told so, and if it does not stop, its worker is replaced.`;

const STREAMING = `Streaming means that you read the beginning of an answer while its end is still being \
made. What counts is the time to the first token, not the time to the last.

Here is the way that each of these words takes. In a dirty worker, an async generator yields a token. The \
worker sends it as a chunk over a direct connection to the HTTP worker that has your request. That one writes \
it to your connection as a *server-sent event*, one line that begins with \`data:\` and an empty line after \
it:

\`\`\`
data: {"token": "Hello"}

data: {"token": "!"}

data: [DONE]
\`\`\`

Two things keep this honest. If you read slowly, the generator is made to wait, so that unread tokens do not \
fill the memory of the server. And if you close the connection, the generator is stopped, so that no machine \
computes words that no one will read.`;

/** The program that the answer about code shows; a test compiles it against the server's types. */
export const EXAMPLE_APP = `import { DirtyApp } from "tsunicorn";

export class Counter extends DirtyApp {
  static override concurrency = 8; // requests that one worker runs at once

  #words: string[] = [];

  override async init() {
    // Called once in each worker, before it takes requests: load your model here.
    this.#words = ["one", "two", "three"];
  }

  async *count(times: number) {
    for (let i = 0; i < times; i++) {
      if (this.request.signal.aborted) return; // the client has left
      yield this.#words[i % this.#words.length];
    }
  }
}`;

/** How an HTTP worker calls {@link EXAMPLE_APP}; the same test compiles it. */
export const EXAMPLE_CALL = `import { dirty } from "tsunicorn";
import type { Counter } from "./counter.ts";

const counter = dirty<Counter>("./counter.ts:Counter");

for await (const word of counter.count(5)) {
  console.log(word);
}`;

const CODE = `This is a whole dirty app. Save it as \`counter.ts\`:

\`\`\`ts
${EXAMPLE_APP}
\`\`\`

Name it in your \`tsunicorn.config.ts\` with \`dirtyApps: ["./counter.ts:Counter"]\`. Then any code that runs \
in an HTTP worker can call it. Only the type is imported, so the model stays in its own process:

\`\`\`ts
${EXAMPLE_CALL}
\`\`\`

An action that is a generator is iterated, any other action is awaited. Leaving the loop early cancels the \
run.`;

const DEFAULT = `That is a good question, and I would like to give it the thought that it deserves. But I am \
a simulation: I look for a few words in your prompt and recite what was prepared for them, and for yours \
nothing was.

What you can see here is real all the same. These tokens come out of a generator in a dirty worker, cross to \
an HTTP worker, and reach you one at a time. A real language model would take the place of the generator, and \
nothing else would change.

Try *hello*, *explain*, *streaming* or *code* to see what I do know.`;

/** One row of the keyword table. */
interface Entry {
  /** Finds one of the row's keywords as a whole word, in any case. */
  readonly keyword: RegExp;
  answer(messages: readonly Message[]): readonly string[];
}

// \b knows only ASCII letters, and would see the word "hi" in "hiérarchie".
const LETTER = "[\\p{L}\\p{N}\\p{M}_]";

function entry(keywords: string, answer: Entry["answer"]): Entry {
  return { keyword: new RegExp(`(?<!${LETTER})(?:${keywords})(?!${LETTER})`, "iu"), answer };
}

function prepared(text: string): Entry["answer"] {
  const tokens = tokenize(text);
  return () => tokens;
}

const TABLE: readonly Entry[] = [
  entry("hello|hi|hey", prepared(GREETING)),
  entry("explain", prepared(EXPLANATION)),
  entry("streaming", prepared(STREAMING)),
  entry("code", prepared(CODE)),
  entry("before|earlier|remember", (messages) => tokenize(recall(messages))),
];
/** Characters of a prompt in which keywords are looked for; as many as one of `/chat` may have. */
const MOST_READ = 100_000;
const DEFAULT_TOKENS: readonly string[] = tokenize(DEFAULT);

/**
 * The answer to a prompt, as tokens: that of the first row of the table with a keyword in the prompt (hello, hi,
 * hey; explain; streaming; code; before, earlier, remember), else the default answer. All are prepared but the
 * last row's, which says what was asked before. The same question always has the same answer.
 *
 * @param messages what was said before the prompt, oldest first.
 */
export function answerTo(prompt: string, messages: readonly Message[] = []): readonly string[] {
  const read = prompt.slice(0, MOST_READ);
  return TABLE.find(({ keyword }) => keyword.test(read))?.answer(messages) ?? DEFAULT_TOKENS;
}
