/** The kinds of numbers that are used here, by ONNX's numbers for them. */
const KIND = { float: 1, int64: 7 } as const;

/** An input or output of a graph. A dimension that is a word may have any size. */
export interface OnnxValue {
  readonly name: string;
  readonly kind: keyof typeof KIND;
  readonly shape: readonly (number | string)[];
}

/** Numbers that are part of a model; those of `int64` are given as plain ones. */
export interface OnnxTensor {
  readonly name: string;
  readonly kind: keyof typeof KIND;
  readonly shape: readonly number[];
  readonly numbers: Float32Array | readonly number[];
}

/** One computation: an operator of ONNX, what goes into it and what comes out. */
export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Whole numbers that tell the operator how. */
  readonly attributes?: Readonly<Record<string, number>>;
}

/** What is in a model file. */
export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly tensors: readonly OnnxTensor[];
  readonly nodes: readonly OnnxNode[];
}

const IR_VERSION = 8;
const OPERATORS_VERSION = 13;
const INT_ATTRIBUTE = 2;

/** A message in protobuf's format, as far as ONNX needs it: numbers, and bytes with their length. */
class Message {
  readonly #parts: Buffer[] = [];

  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  number(field: number, value: number): this {
    this.#parts.push(varint(field * 8), varint(value));
    return this;
  }

  data(field: number, value: string | Buffer | Message): this {
    const bytes = value instanceof Message ? value.bytes : Buffer.from(value);
    this.#parts.push(varint(field * 8 + 2), varint(bytes.length), bytes);
    return this;
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

function valueMessage({ name, kind, shape }: OnnxValue): Message {
  const dimensions = new Message();
  for (const size of shape) {
    const dimension = new Message();
    dimensions.data(1, typeof size === "number" ? dimension.number(1, size) : dimension.data(2, size));
  }
  const tensor = new Message().number(1, KIND[kind]).data(2, dimensions);
  return new Message().data(1, name).data(2, new Message().data(1, tensor));
}

function tensorMessage({ name, kind, shape, numbers }: OnnxTensor): Message {
  const made = kind === "float" ? Float32Array.from(numbers) : BigInt64Array.from(numbers, BigInt);
  const message = new Message();
  for (const size of shape) message.number(1, size);
  return message.number(2, KIND[kind]).data(8, name).data(9, Buffer.from(made.buffer));
}

function nodeMessage({ operator, inputs, output, attributes = {} }: OnnxNode): Message {
  const message = new Message();
  for (const input of inputs) message.data(1, input);
  message.data(2, output).data(4, operator);
  for (const [name, value] of Object.entries(attributes))
    message.data(5, new Message().data(1, name).number(3, value).number(20, INT_ATTRIBUTE));
  return message;
}

/** The bytes of an ONNX file. */
export function onnxFile({ inputs, outputs, tensors, nodes }: OnnxGraph): Buffer {
  const graph = new Message().data(2, "tiny");
  for (const node of nodes) graph.data(1, nodeMessage(node));
  for (const tensor of tensors) graph.data(5, tensorMessage(tensor));
  for (const input of inputs) graph.data(11, valueMessage(input));
  for (const output of outputs) graph.data(12, valueMessage(output));
  const operators = new Message().data(1, "").number(2, OPERATORS_VERSION);
  return new Message().number(1, IR_VERSION).data(7, graph).data(8, operators).bytes;
}
