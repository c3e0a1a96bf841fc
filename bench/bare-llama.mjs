// The other side of the llama measure: GGUF files run by node-llama-cpp itself, in one plain process. It answers in
// two ways: over a bare `node:http` server, one `res.write` per token, and in process. There a loop reads the tokens,
// and only the times are sent. Plain JavaScript, so that no loader weighs on it.
//
//   node bench/bare-llama.mjs PORT NAME=FILE...     CHAT_LLAMA_* as for the chat
import { createServer } from "node:http";

// The chat's own search for the package, so that both sides run the same one; nothing else of the chat.
/** @type {typeof import("../chat/src/models/llama/package.ts")} */
const { importLlamaPackage } = await import(
  new URL("../chat/dist/models/llama/package.js", import.meta.url).href
);
/** @type {typeof import("../chat/src/models/llama/settings.ts")} */
const { llamaSettings } = await import(
  new URL("../chat/dist/models/llama/settings.js", import.meta.url).href
);

// The chat's, where a request asks for nothing else, and the package's own priority.
const SAMPLING = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05, evaluationPriority: 5 };

/** @typedef {import("../chat/src/models/llama/package.ts").Sequence} Sequence */
/** @typedef {Awaited<ReturnType<typeof load>>} Loaded */

const library = await importLlamaPackage();
const [port, ...entries] = process.argv.slice(2);
/** @type {Map<string, Loaded>} */
const models = new Map();
for (const entry of entries) {
  const at = entry.indexOf("=");
  models.set(entry.slice(0, at), await load(entry.slice(at + 1)));
}

createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  try {
    if (url.pathname === "/chat") await chat(request, response);
    else if (url.pathname === "/in-process") response.end(JSON.stringify(await inProcess(url.searchParams)));
    else response.end("ready");
  } catch (error) {
    console.error(error);
    response.destroy();
  }
}).listen(Number(port), "127.0.0.1");

/** @param {string} file */
async function load(file) {
  const { gpu, sequences, contextSize, threads } = llamaSettings(process.env, file);
  const llama = await library.getLlama({ gpu, build: "never", logLevel: "error", logger: console.error });
  const model = await llama.loadModel({ modelPath: file, onLoadProgress() {} });
  const context = await model.createContext({ sequences, contextSize: { max: contextSize }, threads });
  const wrapper = library.resolveChatWrapper(model);
  /** @type {Sequence[]} */
  const free = Array.from({ length: sequences }, () => context.getSequence());
  return { model, wrapper, free };
}

/** @param {string | null} name */
function modelOf(name) {
  const loaded = models.get(name ?? "");
  if (loaded === undefined) throw new Error(`there is no model ${name}`);
  return loaded;
}

/**
 * @param {Loaded} loaded
 * @param {string} prompt
 */
async function* answer({ model, wrapper, free }, prompt) {
  const sequence = free.pop();
  if (sequence === undefined) throw new Error("more answers at once than there are sequences");
  try {
    const { contextText } = wrapper.generateContextState({
      chatHistory: [
        { type: "user", text: prompt },
        { type: "model", response: [""] },
      ],
    });
    const tokens = contextText.tokenize(model.tokenizer);
    // What the sequence has read of it already is not read again, here as there.
    await sequence.adaptStateToTokens(tokens.slice(0, -1), false);
    let last = tokens.slice(-1);
    for await (const token of sequence.evaluate(tokens.slice(sequence.nextTokenIndex), SAMPLING)) {
      yield model.detokenize([token], false, last);
      last = [token];
    }
  } finally {
    free.push(sequence);
  }
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function chat(request, response) {
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part;
  const { prompt, model } = JSON.parse(body);
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  });
  for await (const text of answer(modelOf(model), prompt))
    response.write(`data: {"token": ${JSON.stringify(text)}}\n\n`);
  response.end("data: [DONE]\n\n");
}

/**
 * Makes `users` answers at once, in `rounds` rounds.
 * @param {URLSearchParams} query
 */
async function inProcess(query) {
  const loaded = modelOf(query.get("model"));
  const prompt = query.get("prompt") ?? "";
  /** @type {number[]} */
  const roundMs = [];
  /** @type {number[]} */
  const firstTokenMs = [];
  let tokens = 0;
  const one = async () => {
    const began = performance.now();
    let text = "";
    for await (const part of answer(loaded, prompt)) {
      if (text === "") firstTokenMs.push(performance.now() - began);
      text += part;
      tokens++;
    }
  };
  for (let round = 0; round < Number(query.get("rounds")); round++) {
    const began = performance.now();
    await Promise.all(Array.from({ length: Number(query.get("users")) }, one));
    roundMs.push(performance.now() - began);
  }
  return { roundMs, firstTokenMs, tokens };
}
