/** What may begin or end something within a line: emphasis, code, a link, an address. */
const MARK = /\\[\s\S]|`+|\*+|_+|~+|[[\]<]|(?:https?:\/\/|www\.)[^\s<]*/g;
const DESTINATION = /\([^()\s\\<>*~`[\]]*(?:[ \n]+"[^"\\*_~`[\]]*")?\)/y;
const TAG = /<[^<>*_~`[\]\\]*>/y;
/** A code span does not go further: finding its end must not cost more than it is worth. */
const MAX_CODE = 5000;

const SPACE = /^\s?$/;
const PUNCTUATION = /^[\p{P}\p{S}]$/u;
const EMPHASIS = /^[*_~]$/;

/** Text without marks, and whether all that began before it has ended: then neither side can change the other. */
export interface Plain {
  readonly start: number;
  readonly end: number;
  readonly isFree: boolean;
}

/** Reads the marks of a paragraph. Where it is in doubt, all that follows counts as within something. */
export class InlineMarks {
  readonly #text: string;
  /** The runs that opened emphasis, and the brackets around them. */
  #open: string[] = [];
  #inDoubt = false;

  constructor(text: string) {
    this.#text = text;
  }

  /** What is between the marks, in order. */
  *plain(): Generator<Plain, void, undefined> {
    const marks = new RegExp(MARK);
    let start = 0;
    for (let match = marks.exec(this.#text); match !== null; match = marks.exec(this.#text)) {
      yield { start, end: match.index, isFree: this.#isFree };
      start = this.#read(match[0], match.index);
      marks.lastIndex = start;
    }
    yield { start, end: this.#text.length, isFree: this.#isFree };
  }

  /** Takes all that began as ended. */
  forget(): void {
    this.#open = [];
    this.#inDoubt = false;
  }

  get #isFree(): boolean {
    return this.#open.length === 0 && !this.#inDoubt;
  }

  /** @returns where it ends */
  #read(mark: string, start: number): number {
    const end = start + mark.length;
    const first = mark.charAt(0);
    if (first === "`") return this.#code(mark, end);
    if (first === "[") this.#open.push("[");
    else if (first === "]") return this.#bracket(end);
    else if (first === "<") return this.#angle(start);
    else if (EMPHASIS.test(first)) this.#emphasis(mark, start, end);
    else if (first !== "\\" && /[*~`[\]\\]|[_]$/.test(mark)) this.#inDoubt = true;
    return end;
  }

  #code(mark: string, end: number): number {
    const closing = new RegExp(`(?<!\`)${mark}(?!\`)`, "g");
    const found = closing.exec(this.#text.slice(end, end + MAX_CODE));
    const closed = found === null ? end : end + found.index + mark.length;
    if (found === null || this.#text.charAt(closed) === "`") this.#inDoubt = true;
    return closed;
  }

  #bracket(end: number): number {
    if (this.#open.at(-1) !== "[") {
      // Emphasis that began within the brackets is still open: a link would end it.
      if (this.#open.includes("[")) this.#inDoubt = true;
      return end;
    }
    this.#open.pop();
    if (this.#text.charAt(end) !== "(") return end;
    DESTINATION.lastIndex = end;
    if (DESTINATION.test(this.#text)) return DESTINATION.lastIndex;
    this.#inDoubt = true;
    return end;
  }

  #angle(start: number): number {
    TAG.lastIndex = start;
    if (TAG.test(this.#text)) return TAG.lastIndex;
    if (/[A-Za-z/!?]/.test(this.#text.charAt(start + 1))) this.#inDoubt = true;
    return start + 1;
  }

  /** The rules of CommonMark for what may open and what may close. */
  #emphasis(mark: string, start: number, end: number): void {
    const [before, after] = [lastOf(this.#text, start), firstOf(this.#text, end)];
    const opens = !SPACE.test(after) && (!PUNCTUATION.test(after) || isEdge(before) || EMPHASIS.test(after));
    const closes =
      !SPACE.test(before) && (!PUNCTUATION.test(before) || isEdge(after) || EMPHASIS.test(before));
    const isUnderscore = mark.startsWith("_");
    const mayClose = closes && (!isUnderscore || !opens || PUNCTUATION.test(after));
    const mayOpen = opens && (!isUnderscore || !closes || PUNCTUATION.test(before));
    if (mayClose && this.#open.at(-1) === mark) {
      this.#open.pop();
    } else if (mayClose && this.#open.some((one) => one.charAt(0) === mark.charAt(0))) {
      this.#inDoubt = true;
    } else if (mayOpen) {
      this.#open.push(mark);
    }
  }
}

function isEdge(character: string): boolean {
  return SPACE.test(character) || PUNCTUATION.test(character);
}

function firstOf(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? "" : String.fromCodePoint(code);
}

function lastOf(text: string, at: number): string {
  return /.$/su.exec(text.slice(Math.max(at - 2, 0), at))?.[0] ?? "";
}
