/** Values that no process can send to another: each must be a clear error where it is sent. */

class Conversation {
  title = "hello";
}

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level++) value = level % 2 === 0 ? [value] : { value };
  return value;
}

function cyclicList(): unknown {
  const list: unknown[] = [1];
  list.push(list);
  return list;
}

function cyclicDict(): unknown {
  const parent: Record<string, unknown> = {};
  parent["child"] = { parent };
  return parent;
}

/** Lists and dicts inside one another, `levels` of them. */
export const nestedTo = nested;

/** What cannot cross, and a part of the message that its sender reads. */
export const UNSENDABLE: { name: string; value: unknown; says: RegExp }[] = [
  { name: "a Date", value: new Date(0), says: /Date/ },
  { name: "a Map", value: new Map([["a", 1]]), says: /Map/ },
  { name: "a Set", value: new Set([1]), says: /Set/ },
  { name: "a RegExp", value: /a/, says: /RegExp/ },
  { name: "an Error", value: new Error("no"), says: /Error/ },
  { name: "a Promise", value: Promise.resolve(1), says: /Promise/ },
  { name: "an instance of a class", value: new Conversation(), says: /Conversation/ },
  {
    name: "an object with another object as its prototype",
    value: Object.create({ a: 1 }),
    says: /cannot cross/,
  },
  { name: "an object without any constructor", value: Object.create(Object.create(null)), says: /object/ },
  { name: "a SharedArrayBuffer", value: new SharedArrayBuffer(8), says: /SharedArrayBuffer/ },
  { name: "a WeakMap", value: new WeakMap(), says: /WeakMap/ },
  { name: "a URL", value: new URL("http://localhost"), says: /URL/ },
  { name: "a generator", value: (function* () {})(), says: /Generator/ },
  { name: "a Map's iterator", value: new Map().values(), says: /Map Iterator/ },
  { name: "an object that can be iterated", value: { *[Symbol.iterator]() {} }, says: /iterated/ },
  { name: "an object for `for await`", value: { async *[Symbol.asyncIterator]() {} }, says: /iterated/ },
  { name: "a boxed number", value: Object(1), says: /Number/ },
  { name: "a DataView", value: new DataView(new ArrayBuffer(8)), says: /DataView/ },
  { name: "a boxed string", value: Object("text"), says: /String/ },
  { name: "a function", value: () => 1, says: /function/ },
  { name: "a class", value: Conversation, says: /function/ },
  { name: "a symbol", value: Symbol("token"), says: /symbol/ },
  { name: "a bigint of 2^63", value: 2n ** 63n, says: /64 bits/ },
  { name: "a bigint below -(2^63)", value: -(2n ** 63n) - 1n, says: /64 bits/ },
  { name: "65 levels", value: nested(65), says: /64 levels/ },
  { name: "1,000 levels", value: nested(1000), says: /64 levels/ },
  { name: "a list that holds itself", value: cyclicList(), says: /64 levels/ },
  { name: "a dict that holds itself", value: cyclicDict(), says: /64 levels/ },
  { name: "a list of 1,048,577 items", value: new Array(1_048_577).fill(null), says: /1048577 items/ },
];
