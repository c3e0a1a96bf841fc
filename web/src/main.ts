import { ChatError, streamChat } from "./chat-stream.ts";
import { AnswerView, questionView } from "./message-view.ts";

function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const node = document.getElementById(id);
  if (!(node instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return node;
}

const scroller = byId("scroller", HTMLElement);
const welcome = byId("welcome", HTMLElement);
const messages = byId("messages", HTMLElement);
const composer = byId("composer", HTMLFormElement);
const prompt = byId("prompt", HTMLTextAreaElement);
const thinking = byId("thinking", HTMLInputElement);
const send = byId("send", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const newChat = byId("new-chat", HTMLButtonElement);
const announcer = byId("announcer", HTMLElement);

/** The answer that is coming, if one is: aborting it ends the work on the server too. */
let running: AbortController | undefined;

/** How far from the end still counts as reading along: then the page follows the answer. */
const NEAR_END = 80;

function follow(change: () => void): void {
  const wasNear = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
  change();
  if (wasNear) scroller.scrollTop = scroller.scrollHeight;
}

function refresh(): void {
  send.hidden = running !== undefined;
  stop.hidden = running === undefined;
  send.disabled = prompt.value.trim() === "";
  const empty = messages.childElementCount === 0;
  welcome.hidden = !empty;
  newChat.hidden = empty;
}

/** Lets the box grow with its text; the style sheet sets the most. */
function fitPrompt(): void {
  prompt.style.height = "auto";
  prompt.style.height = `${prompt.scrollHeight}px`;
}

/** Makes ready for typing; not on a phone, where it would open the keyboard over the page. */
function focusPrompt(): void {
  if (matchMedia("(hover: hover)").matches) prompt.focus();
}

function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Shows an answer as it comes, one paint at a time however many tokens that brings. */
class Progress {
  text = "";
  #tokens = 0;
  #firstAt: number | undefined;
  #frame: number | undefined;
  readonly #startedAt = performance.now();
  readonly #view: AnswerView;

  constructor(view: AnswerView) {
    this.#view = view;
  }

  add(token: string): void {
    this.#firstAt ??= performance.now();
    this.#tokens += 1;
    this.text += token;
    this.#frame ??= requestAnimationFrame(() => this.flush());
  }

  flush(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    follow(() => this.#view.show(this.text));
  }

  /** "118 tokens in 6.3 s, the first after 48 ms" */
  summary(): string {
    if (this.#firstAt === undefined) return "";
    const total = seconds(performance.now() - this.#startedAt);
    const first = seconds(this.#firstAt - this.#startedAt);
    return `${this.#tokens} ${this.#tokens === 1 ? "token" : "tokens"} in ${total}, the first after ${first}`;
  }
}

async function ask(text: string): Promise<void> {
  const controller = new AbortController();
  running = controller;
  const question = { prompt: text, thinking: thinking.checked };
  const view = new AnswerView();
  messages.append(questionView(text), view.node);
  refresh();
  scroller.scrollTop = scroller.scrollHeight;
  const progress = new Progress(view);
  try {
    for await (const token of streamChat("chat", question, controller.signal)) progress.add(token);
    progress.flush();
    follow(() => view.finish(progress.summary()));
    announcer.textContent = progress.text;
  } catch (error) {
    progress.flush();
    if (controller.signal.aborted) {
      follow(() => view.finish("Stopped"));
      announcer.textContent = "Stopped";
    } else {
      const known =
        error instanceof ChatError ? error : new ChatError("The page itself failed.", { cause: error });
      if (known.cause !== undefined) console.error(known.cause);
      const details = known.requestId === undefined ? "" : `Request ${known.requestId}`;
      const again = { wait: known.retryAfter ?? 0, ask: () => submit(text) };
      follow(() => view.fail(known.message, details, known.final ? undefined : again));
    }
  } finally {
    if (running === controller) running = undefined;
    refresh();
  }
}

function submit(text: string): void {
  if (running !== undefined || text.trim() === "") return;
  void ask(text);
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running !== undefined) return;
  const text = prompt.value;
  prompt.value = "";
  fitPrompt();
  submit(text);
  focusPrompt();
});

prompt.addEventListener("input", () => {
  fitPrompt();
  refresh();
});

prompt.addEventListener("keydown", (event) => {
  // Enter that ends the writing of a composed character (Chinese, Japanese, Korean) is not a send.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!send.disabled) composer.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) running?.abort();
});

stop.addEventListener("click", () => {
  running?.abort();
  focusPrompt();
});

newChat.addEventListener("click", () => {
  running?.abort();
  running = undefined;
  messages.replaceChildren();
  announcer.textContent = "";
  refresh();
  focusPrompt();
});

for (const button of welcome.querySelectorAll<HTMLButtonElement>("[data-prompt]")) {
  button.addEventListener("click", () => {
    submit(button.dataset.prompt ?? "");
    focusPrompt();
  });
}

refresh();
focusPrompt();
