import { type Context, unknownPackage } from "./package.ts";

/** What node-llama-cpp calls of llama.cpp for each batch. It keeps that to itself, in a field of the context. */
interface Native {
  decodeBatch(...args: unknown[]): Promise<unknown>;
  sampleToken(...args: unknown[]): Promise<unknown>;
}

/**
 * Has the tokens of a context's batches chosen safely, and together.
 *
 * Safely: llama.cpp brings what a batch came to into the order of its answers at the first look at it, and
 * node-llama-cpp looks from several threads at once. Now and then two answers got each other's token. Now the first
 * look is over before the others begin.
 *
 * Together: the answer whose token was chosen first went on alone, and the others in a batch behind it. Now all hear
 * of their tokens when the last is chosen, and their next ones are computed together.
 *
 * @throws Error where this version of node-llama-cpp cannot be made to.
 */
export function sampleTogether(context: Context): void {
  const native: unknown = Reflect.get(context, "_ctx");
  if (!isNative(native)) throw unknownPackage();
  const decodeBatch = native.decodeBatch.bind(native);
  const sampleToken = native.sampleToken.bind(native);
  let batch = new BatchSampling();
  Object.defineProperties(native, {
    decodeBatch: {
      value: (...args: unknown[]) => {
        batch = new BatchSampling();
        return decodeBatch(...args);
      },
    },
    sampleToken: { value: (...args: unknown[]) => batch.add(() => sampleToken(...args)) },
  });
}

/** The choices of one batch. All are asked for before the first of them is made. */
class BatchSampling {
  #first: Promise<unknown> | undefined;
  #others: Promise<unknown>[] = [];
  #all: Promise<unknown> = Promise.resolve();

  /** Makes a choice; it is known when all of the batch are. */
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
