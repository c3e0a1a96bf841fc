/** A run of code in one colour, a variable of the style sheet. */
export interface CodePiece {
  readonly content: string;
  readonly color?: string | undefined;
}

/** What the page asks of its worker. */
export interface HighlightRequest {
  readonly id: number;
  readonly code: string;
  readonly language: string;
}

/** What the worker answers; no lines for a language that it does not know. */
export interface HighlightAnswer {
  readonly id: number;
  readonly lines: readonly (readonly CodePiece[])[] | undefined;
}

/** Coloured code: its lines. */
export type Highlight = NonNullable<HighlightAnswer["lines"]>;

/** Longer code stays plain: colouring it would cost a phone more than the colours are worth. */
const MAX_CODE = 50_000;
/** How many coloured blocks are remembered, for a conversation that is opened again. */
const MAX_KNOWN = 200;

/** A grammar that does not load is never heard of. */
const WITHIN_MS = 60_000;

const known = new Map<string, Highlight>();
const waiting = new Map<number, (answer: HighlightAnswer["lines"]) => void>();
/** Null once it has died: what comes then stays plain. */
let worker: Worker | undefined | null;
let lastId = 0;

/** The colours of a code block that was highlighted before. */
export function knownHighlight(code: string, language: string): Highlight | undefined {
  return known.get(keyOf(code, language));
}

/**
 * Colours finished code. The worker, its highlighter and the language's grammar are loaded when the first such
 * block comes. Without any of them the code just stays plain.
 */
export async function highlight(code: string, language: string): Promise<Highlight | undefined> {
  if (language === "" || code.length > MAX_CODE) return undefined;
  const before = knownHighlight(code, language);
  if (before !== undefined) return before;
  const lines = await ask(code, language);
  if (lines === undefined) return undefined;
  known.set(keyOf(code, language), lines);
  const oldest = known.keys().next();
  if (known.size > MAX_KNOWN && !oldest.done) known.delete(oldest.value);
  return lines;
}

function keyOf(code: string, language: string): string {
  return `${language}\n${code}`;
}

/** Never rejects, and ends with the worker. */
function ask(code: string, language: string): Promise<HighlightAnswer["lines"]> {
  if (worker === undefined) worker = startWorker();
  const asked = worker;
  if (asked === null) return Promise.resolve(undefined);
  lastId += 1;
  const id = lastId;
  return new Promise((resolve) => {
    const end = (lines: HighlightAnswer["lines"]): void => {
      clearTimeout(timer);
      waiting.delete(id);
      resolve(lines);
    };
    const timer = setTimeout(() => end(undefined), WITHIN_MS);
    waiting.set(id, end);
    asked.postMessage({ id, code, language } satisfies HighlightRequest);
  });
}

// Lives as long as the page: a grammar that was compiled once should stay so.
function startWorker(): Worker | null {
  let started: Worker;
  try {
    started = new Worker(new URL("./highlight-worker.ts", import.meta.url), { type: "module" });
  } catch (error) {
    console.warn("Code stays plain.", error);
    return null;
  }
  started.addEventListener("message", ({ data }: MessageEvent<HighlightAnswer>) => {
    waiting.get(data.id)?.(data.lines);
  });
  started.addEventListener("error", () => {
    worker = null;
    started.terminate();
    for (const end of [...waiting.values()]) end(undefined);
  });
  return started;
}
