import { type Context, unknownPackage } from "./package.ts";

/** What node-llama-cpp calls of llama.cpp for each batch. It keeps that to itself, in a field of the context. */
interface Native {
  decodeBatch(...args: unknown[]): Promise<unknown>;
  sampleToken(...args: unknown[]): Promise<unknown>;
}

/**
 * The batches that a context computes, one after the other, and how answers meet in them.
 *
 * Their tokens are chosen safely. llama.cpp brings what a batch came to into the order of its answers at the first look
 * at it, and node-llama-cpp looks from several threads at once: now and then two answers got each other's token. Here
 * the first look is over before the others begin.
 *
 * Answers stay together. Left to itself, the answer whose token was chosen first goes on alone, and one that comes
 * during a batch gets a batch of its own behind it, for ever. Here all hear of their tokens when the last is chosen,
 * and who comes meanwhile waits for that.
 */
export class Batches {
  #choices = new Choices();
  #over: Promise<void> | undefined;
  #computing = false;
  #begun: Promise<void> | undefined;
  #tellBegun: (() => void) | undefined;

  /** @throws Error where this version of node-llama-cpp is not known. */
  constructor(context: Context) {
    const native: unknown = Reflect.get(context, "_ctx");
    if (!isNative(native)) throw unknownPackage();
    const decodeBatch = native.decodeBatch.bind(native);
    const sampleToken = native.sampleToken.bind(native);
    Object.defineProperties(native, {
      decodeBatch: { value: (...args: unknown[]) => this.#begin(decodeBatch(...args)) },
      sampleToken: { value: (...args: unknown[]) => this.#choices.add(() => sampleToken(...args)) },
    });
  }

  /** Waits until no batch is computed: what is asked for then is in the next one, with all others. */
  async turn(): Promise<void> {
    while (this.#over !== undefined) await this.#over;
  }

  /** Waits until a batch is computed: up to its end, this thread has time for other work. */
  begun(): Promise<void> {
    if (this.#computing) return Promise.resolve();
    this.#begun ??= new Promise((resolve) => {
      this.#tellBegun = resolve;
    });
    return this.#begun;
  }

  #begin(computing: Promise<unknown>): Promise<unknown> {
    const choices = new Choices();
    this.#choices = choices;
    this.#computing = true;
    this.#tellBegun?.();
    this.#begun = undefined;
    // Its tokens are asked for right behind it. A batch of prompts alone has none.
    const asked = () => {
      this.#computing = false;
      return new Promise<void>((resolve) => setImmediate(resolve));
    };
    const over: Promise<void> = computing
      .then(asked, asked)
      .then(() => choices.all)
      .then(() => {
        if (this.#over === over) this.#over = undefined;
      });
    this.#over = over;
    return computing;
  }
}

/** The choices of one batch. All are asked for before the first of them is made. */
class Choices {
  #first: Promise<unknown> | undefined;
  #others: Promise<unknown>[] = [];
  #all: Promise<unknown> = Promise.resolve();

  /** Resolves when all are made. */
  get all(): Promise<unknown> {
    return this.#all;
  }

  /** Makes a choice; it is known when all are. */
  add(choose: () => Promise<unknown>): Promise<unknown> {
    const own = this.#first === undefined ? choose() : this.#first.then(choose, choose);
    if (this.#first === undefined) {
      this.#first = own;
      this.#all = own.catch(() => {}).then(() => Promise.allSettled(this.#others));
    } else {
      this.#others.push(own);
    }
    return this.#all.then(() => own);
  }
}

function isNative(value: unknown): value is Native {
  if (typeof value !== "object" || value === null) return false;
  return ["decodeBatch", "sampleToken"].every((name) => typeof Reflect.get(value, name) === "function");
}
