import { writeFileSync } from "node:fs";
import path from "node:path";
import { onnxFile } from "./onnx-file.ts";
import { writeTinyOnnx } from "./tiny-model.ts";

/** More than the tiny tokenizer has tokens. */
const TOKENS = 1000;

/**
 * Writes a folder with an ONNX model that embeds: of each token it makes its number and a 1. The number of a letter's
 * token is its code.
 *
 * @param folder where to; it must be there.
 * @param output what the graph calls what it makes.
 */
export function writeTinyEncoder(folder: string, output = "last_hidden_state"): void {
  writeTinyOnnx(folder);
  const config = { architectures: ["BertModel"], model_type: "bert", max_position_embeddings: 16 };
  writeFileSync(path.join(folder, "config.json"), JSON.stringify(config));
  const numbers = Array.from({ length: TOKENS * 2 }, (_, at) => (at % 2 === 0 ? at / 2 : 1));
  const graph = onnxFile({
    inputs: [
      { name: "input_ids", kind: "int64", shape: ["batch_size", "sequence_length"] },
      { name: "attention_mask", kind: "int64", shape: ["batch_size", "sequence_length"] },
    ],
    outputs: [{ name: output, kind: "float", shape: ["batch_size", "sequence_length", 2] }],
    tensors: [{ name: "table", kind: "float", shape: [TOKENS, 2], numbers }],
    nodes: [{ operator: "Gather", inputs: ["table", "input_ids"], output, attributes: { axis: 0 } }],
  });
  writeFileSync(path.join(folder, "onnx/model.onnx"), graph);
}
