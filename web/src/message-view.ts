import { type Block, splitBlocks, splitInline } from "./blocks.ts";

/** Makes an element; text goes in as text only, never as HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text?: string,
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** The bubble with what the user asked. */
export function questionView(text: string): HTMLElement {
  const article = element("article", "message question");
  article.append(element("h2", "visually-hidden", "You"), element("div", "bubble", text));
  return article;
}

/** One block on the page, and how to bring it up to date. */
interface BlockView {
  readonly kind: Block["kind"];
  readonly node: HTMLElement;
  update(block: Block): void;
}

function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

function inlineNodes(text: string): (Node | string)[] {
  return splitInline(text).map((part) =>
    part.tag === undefined ? part.text : element(part.tag, "", part.text),
  );
}

function thinkingView(): BlockView {
  const node = element("div", "thinking");
  return {
    kind: "thinking",
    node,
    update: (block) => {
      if (block.kind !== "thinking") return;
      setText(node, block.text);
      node.classList.toggle("open", block.open);
    },
  };
}

function proseView(): BlockView {
  const node = element("div", "prose");
  let shown = "";
  return {
    kind: "prose",
    node,
    update: (block) => {
      // What is shown and unchanged stays as it is: a selection in it would be lost.
      if (block.kind !== "prose" || block.text === shown) return;
      shown = block.text;
      node.replaceChildren(...inlineNodes(block.text));
    },
  };
}

function listView(): BlockView {
  const node = element("ul", "list");
  const shown: string[] = [];
  return {
    kind: "list",
    node,
    update: (block) => {
      if (block.kind !== "list") return;
      for (const [index, text] of block.items.entries()) {
        if (shown[index] === text) continue;
        shown[index] = text;
        const item = node.children[index] ?? node.appendChild(element("li", ""));
        item.replaceChildren(...inlineNodes(text));
      }
    },
  };
}

function codeView(): BlockView {
  const node = element("figure", "code");
  const language = element("span", "language");
  const copy = element("button", "copy", "Copy");
  copy.type = "button";
  const code = element("code", "");
  const pre = element("pre", "");
  pre.tabIndex = 0;
  pre.append(code);
  const caption = element("figcaption", "");
  caption.append(language);
  // Only a page from https or localhost may write to the clipboard.
  if (navigator.clipboard !== undefined) caption.append(copy);
  copy.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(code.textContent ?? "").then(
      () => true,
      () => false,
    );
    copy.textContent = copied ? "Copied" : "Not copied";
    setTimeout(() => setText(copy, "Copy"), 1500);
  });
  node.append(caption, pre);
  return {
    kind: "code",
    node,
    update: (block) => {
      if (block.kind !== "code") return;
      setText(code, block.text);
      setText(language, block.language || "code");
    },
  };
}

const VIEWS = { thinking: thinkingView, prose: proseView, list: listView, code: codeView };

/** One answer on the page, while it comes and after. */
export class AnswerView {
  readonly node = element("article", "message answer streaming");
  readonly #body = element("div", "body");
  readonly #blocks: BlockView[] = [];

  constructor() {
    this.node.append(element("h2", "visually-hidden", "Tsunicorn"), this.#body);
  }

  /** Shows the answer as far as it has come. Only the blocks that changed are touched. */
  show(answer: string): void {
    const blocks = splitBlocks(answer);
    for (const [index, block] of blocks.entries()) {
      let view = this.#blocks[index];
      if (view?.kind !== block.kind) {
        // The kind of a block can change only while it is the last one.
        for (const old of this.#blocks.splice(index)) old.node.remove();
        view = VIEWS[block.kind]();
        this.#blocks.push(view);
        this.#body.append(view.node);
      }
      view.update(block);
    }
    for (const old of this.#blocks.splice(blocks.length)) old.node.remove();
  }

  /** Ends the answer: the cursor goes, and a small line below says how it went. */
  finish(note: string): void {
    this.node.classList.remove("streaming");
    if (note !== "") this.node.append(element("p", "note", note));
  }

  /**
   * Ends the answer with an error in words.
   * @param details a small line below; none where empty
   * @param again what a button to ask again does, at the earliest after `wait` seconds; no button without
   */
  fail(message: string, details: string, again?: { wait: number; ask: () => void }): void {
    this.node.classList.remove("streaming");
    const box = element("div", "error");
    const alert = element("p", "", message);
    alert.setAttribute("role", "alert");
    box.append(alert);
    if (details !== "") box.append(element("p", "note", details));
    this.node.append(box);
    if (again === undefined) return;
    const button = element("button", "retry");
    button.type = "button";
    button.addEventListener("click", again.ask);
    box.append(button);
    countDown(button, again.wait);
  }
}

/** Keeps a button disabled for some seconds and says how many are left. */
function countDown(button: HTMLButtonElement, seconds: number): void {
  button.disabled = seconds > 0;
  button.textContent = seconds > 0 ? `Try again in ${seconds} s` : "Try again";
  if (seconds > 0) setTimeout(() => countDown(button, seconds - 1), 1000);
}
