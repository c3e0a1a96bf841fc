import { randomBytes } from "node:crypto";
import type { ToolCall } from "../model.ts";
import { ModelError } from "../model-error.ts";
import { countOf, isObject, type JsonObject, objectOf, parseJson, textOf } from "./json.ts";

/** What one part of a call says, whichever way it is written. */
interface CallPart {
  readonly index: number | undefined;
  readonly id: string;
  readonly type: "function" | "custom";
  readonly name: string;
  readonly args: unknown;
  /** What else stands in it, such as the signature that Gemini wants back. */
  readonly more: JsonObject;
}

interface Call {
  readonly index: number;
  type: CallPart["type"];
  id: string;
  name: string;
  more: Record<string, unknown>;
  /** All of the arguments that is sure. */
  args: string;
  /** How much of them was passed on. */
  passed: number;
  /** Whether its id and name were passed on. */
  begun: boolean;
  /** Arguments as an object, or `{}` that others may follow: what they come to is known at the end of the call. */
  held: JsonObject | undefined;
}

/**
 * Makes of the tool calls of an upstream what OpenAI's API sends: each call has an index, from 0 upwards, an id of its
 * own and a name in its first part, and its arguments come as text, in parts.
 *
 * Upstreams repeat an id or a name in each part, or have `""` or null for it; leave the index out, or use one for
 * several calls; send arguments as an object; or send a call once more when it is whole.
 */
export class ToolCallReader {
  readonly #calls: Call[] = [];
  readonly #byIndex = new Map<number, Call>();

  /** Whether there is a call. */
  get any(): boolean {
    return this.#calls.length > 0;
  }

  /** Takes the next parts, as they stand in a delta or a message. @returns what can be passed on of them. */
  take(parts: readonly unknown[]): ToolCall[] {
    const ready: ToolCall[] = [];
    for (const each of parts) {
      const part = readPart(each);
      if (part === undefined) continue;
      let call = this.#callOf(part);
      if (call === undefined) {
        for (const before of this.#calls) this.#pass(before, ready, true);
        call = this.#begin(part);
      }
      if (part.index !== undefined) this.#byIndex.set(part.index, call);
      // An id that another call has already does not count.
      const id = this.#calls.some((other) => other !== call && other.id === part.id) ? "" : part.id;
      add(call, { ...part, id });
      this.#pass(call, ready, false);
    }
    return ready;
  }

  /**
   * The answer is over.
   *
   * @param cut whether it was too long, so that the last call may be in part.
   * @returns what was held back. @throws ModelError where a call has no name.
   */
  end(cut: boolean): ToolCall[] {
    const ready: ToolCall[] = [];
    for (const call of this.#calls) {
      if (call.name === "" && !cut)
        throw new ModelError("upstream_failed", "the upstream calls a tool and does not say which");
      if (call.args === "" && call.held === undefined && call.type === "function" && !cut) call.args = "{}";
      this.#pass(call, ready, true);
    }
    return ready;
  }

  /** The call that a part goes on with; undefined where it begins one. */
  #callOf(part: CallPart): Call | undefined {
    const byIndex = part.index === undefined ? undefined : this.#byIndex.get(part.index);
    const byId = part.id === "" ? undefined : this.#calls.find(({ id }) => id === part.id);
    const isNew = part.index !== undefined && byIndex === undefined;
    const nameless = part.id === "" && part.index === undefined;
    const call = byId ?? byIndex ?? (nameless ? this.#calls.at(-1) : undefined);
    if (call === undefined || begins(part, call, isNew)) return undefined;
    return call;
  }

  #begin(part: CallPart): Call {
    const call: Call = {
      index: this.#calls.length,
      type: part.type,
      id: "",
      name: "",
      more: {},
      args: "",
      passed: 0,
      begun: false,
      held: undefined,
    };
    this.#calls.push(call);
    return call;
  }

  /** @param all whether nothing of it is to be held back any longer. */
  #pass(call: Call, ready: ToolCall[], all: boolean): void {
    if (all && call.held !== undefined) {
      call.args += JSON.stringify(call.held);
      call.held = undefined;
    }
    if (call.name === "") return;
    const args = call.args.slice(call.passed);
    const isFirst = !call.begun;
    // Its own id may still come, as long as there is nothing else to say.
    if (isFirst ? call.id === "" && args === "" && !all : args === "") return;
    if (call.id === "") call.id = `call_${randomBytes(12).toString("hex")}`;
    const { index, id, type, name, more } = call;
    const said = { ...(isFirst && { name }), [type === "custom" ? "input" : "arguments"]: args };
    ready.push({ index, ...(isFirst && { ...more, id, type }), [type]: said });
    call.begun = true;
    call.passed = call.args.length;
  }
}

/** Whether a part begins another call than the one that its index, id or place would have it go on with. */
function begins(part: CallPart, call: Call, isNewIndex: boolean): boolean {
  const { id, name, args } = part;
  const another = name !== "" && call.name !== "" && name !== call.name;
  if (id !== "" && id === call.id) return another || (isNewIndex && name !== "" && isWhole(call));
  // Some make up another id for each part of a call: then only its first part has the name, or the arguments go on.
  if (id !== "" && call.id !== "") return name === "" ? isWhole(call) : another || !isPartial(call);
  if (another) return true;
  const repeats = part.index !== undefined && args === call.args;
  return name !== "" && call.name !== "" && isSaid(args) && isWhole(call) && !repeats;
}

function isSaid(args: unknown): boolean {
  return args !== undefined && args !== null && args !== "";
}

/** Whether all arguments of a call are there. */
function isWhole({ args, held }: Call): boolean {
  if (held !== undefined) return true;
  return args.trimEnd().endsWith("}") && isObject(parseJson(args));
}

/** Whether the arguments of a call have begun and do not end. */
function isPartial(call: Call): boolean {
  return call.args !== "" && !isWhole(call);
}

function add(call: Call, part: CallPart): void {
  if (call.id === "" && !call.begun) call.id = part.id;
  if (call.name === "") {
    call.name = part.name;
    if (part.name !== "") call.type = part.type;
  }
  if (!call.begun) Object.assign(call.more, part.more);
  const { args } = part;
  if (isObject(args)) {
    // After a text it can only be the same once more.
    if (call.args === "") call.held = { ...call.held, ...args };
  } else if (isSaid(args)) {
    addText(call, typeof args === "string" ? args : JSON.stringify(args));
  }
}

function addText(call: Call, text: string): void {
  if (call.args === "" && text.trim() === "{}") {
    // Where arguments are streamed, some begin with an empty object and send the real one behind it.
    call.held ??= {};
    return;
  }
  call.held = undefined;
  const again = call.args !== "" && text.trimStart().startsWith("{") && isWhole(call);
  if (again && text.trim() === call.args.trim()) return;
  call.args += text;
}

function readPart(value: unknown): CallPart | undefined {
  if (!isObject(value)) return undefined;
  const { index, id, type, function: fn, custom, name, arguments: args, input, ...rest } = value;
  const said = objectOf(fn) ?? objectOf(custom) ?? { name, arguments: args, input };
  const part: CallPart = {
    index: countOf(index),
    id: textOf(id) ?? "",
    type: isObject(custom) || (type === "custom" && !isObject(fn)) ? "custom" : "function",
    name: textOf(said["name"]) ?? "",
    args: said["arguments"] ?? said["input"],
    more: Object.fromEntries(Object.entries(rest).filter(([, each]) => each !== null)),
  };
  // An index alone says nothing.
  return part.id === "" && part.name === "" && !isSaid(part.args) ? undefined : part;
}
