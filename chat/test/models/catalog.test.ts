import { describe, expect, it } from "vitest";
import { sourceOf } from "../../src/models/app-source.ts";
import { ModelCatalog, parseModels } from "../../src/models/catalog.ts";

const SIMULATED = {
  name: "simulated",
  app: "./chat-app.ts:ChatApp",
  source: { kind: "simulated", of: "" },
};

describe("CHAT_MODELS", () => {
  it.each([undefined, "", "  ", "simulated", " simulated "])("%j is the simulated model", (text) => {
    expect(parseModels(text, "/home/ann").models).toEqual([SIMULATED]);
  });

  it("names models in order, with paths from where the server is started", () => {
    const { models, names, apps } = parseModels(
      "mine=./models/echo.ts:Echo, simulated,llama3.1:8b=../llama:Llama:1,org/x@v2=/opt/x.mjs:X",
      "/home/ann",
    );
    expect(models).toEqual([
      { name: "mine", app: "/home/ann/models/echo.ts:Echo" },
      SIMULATED,
      { name: "llama3.1:8b", app: "/home/llama:Llama:1" },
      { name: "org/x@v2", app: "/opt/x.mjs:X" },
    ]);
    expect(names).toEqual(["mine", "simulated", "llama3.1:8b", "org/x@v2"]);
    expect(apps).toEqual(models.map(({ app }) => app));
  });

  it("leaves apps in Python as they are: they name a module, not a path", () => {
    expect(parseModels("mine=python:my_model:MyModel", "/home/ann").apps).toEqual([
      "python:my_model:MyModel",
    ]);
  });

  it("takes apps of a Gunicorn by its own name for them, and none beside them", () => {
    const { models, apps } = parseModels("gunicorn:chat.app:Chat,other=gunicorn:chat.app:Chat", "/home/ann");
    const source = { kind: "gunicorn", of: "chat.app:Chat" };
    expect(models).toEqual([
      { name: "chat.app:Chat", app: "chat.app:Chat", source },
      { name: "other", app: "chat.app:Chat", source },
    ]);
    expect(apps).toEqual(["chat.app:Chat"]);
    expect(() => parseModels("gunicorn:chat:Chat,simulated", "/home/ann")).toThrow(
      "CHAT_MODELS: models of a Gunicorn cannot stand beside others",
    );
  });

  it("takes the chat's own models by kind, each an app of its own", () => {
    const { models } = parseModels(
      "llama:./Tiny-1B.Q4.gguf,fast:8b=llama:/m/fast.gguf,two=simulated,transformers:./SmolLM2-135M/",
      "/home/ann",
    );
    expect(models).toEqual([
      {
        name: "Tiny-1B.Q4",
        app: "./models/llama-app.ts?Tiny-1B.Q4:LlamaApp",
        source: { kind: "llama", of: "/home/ann/Tiny-1B.Q4.gguf" },
      },
      {
        name: "fast:8b",
        app: "./models/llama-app.ts?fast%3A8b:LlamaApp",
        source: { kind: "llama", of: "/m/fast.gguf" },
      },
      { name: "two", app: "./chat-app.ts?two:ChatApp", source: { kind: "simulated", of: "" } },
      {
        name: "SmolLM2-135M",
        app: "./models/transformers-app.ts?SmolLM2-135M:TransformersApp",
        source: { kind: "transformers", of: "/home/ann/SmolLM2-135M" },
      },
    ]);
  });

  it("takes how many workers a model has from what stands behind it", () => {
    const text = "llama:./big.gguf:2,two=simulated:3,a=./a.ts:A:4,p=python:m:P:5,openai:phi:14";
    const catalog = parseModels(text, "/home/ann");
    expect(catalog.apps).toEqual([
      "./models/llama-app.ts?big:LlamaApp:2",
      "./chat-app.ts?two:ChatApp:3",
      "/home/ann/a.ts:A:4",
      "python:m:P:5",
      "./models/openai-app.ts?phi%3A14:OpenAiApp",
    ]);
    expect(catalog.models[0]?.source).toEqual({ kind: "llama", of: "/home/ann/big.gguf" });
    expect(parseModels(String(catalog), "/elsewhere")).toEqual(catalog);
  });

  it("tells an app of the chat which model it is to run", () => {
    const env = { CHAT_MODELS: "simulated,llama=llama:/m/a.gguf,b:1=llama:/m/b.gguf" };
    expect(sourceOf("file:///chat/llama-app.js?llama", env).of).toBe("/m/a.gguf");
    expect(sourceOf("file:///chat/llama-app.js?b%3A1", env).of).toBe("/m/b.gguf");
    expect(() => sourceOf("file:///chat/llama-app.js?c", env)).toThrow('CHAT_MODELS has no model "c"');
  });

  it("means the same when it is read again in another folder", () => {
    const catalog = parseModels(
      "a=./a.ts:A,simulated,simulated2=./a.ts:A,llama:x.gguf,y=simulated",
      "/home/ann",
    );
    const theirs = parseModels("gunicorn:chat.app:Chat,b=gunicorn:chat:Chat", "/home/ann");
    expect(parseModels(String(theirs), "/elsewhere")).toEqual(theirs);
    expect(parseModels(String(catalog), "/elsewhere")).toEqual(catalog);
    expect(catalog.apps).toHaveLength(4);
  });

  it.each([
    [
      "gpt-9",
      /CHAT_MODELS: no model "gpt-9" is built in; write simulated or llama:FILE.gguf or .*NAME=PATH:Class/,
    ],
    ["simulated,", /CHAT_MODELS: an entry has no name/],
    ["=./a.ts:A", /CHAT_MODELS: an entry has no name/],
    ["a b=./a.ts:A", /CHAT_MODELS: "a b" cannot be a name/],
    ["gunicorn:", /"gunicorn:" does not say what; write gunicorn:MODULE:Class/],
    [
      "gunicorn:./chat.py:Chat",
      /"gunicorn:.\/chat.py:Chat" names no app of a Gunicorn; write gunicorn:MODULE/,
    ],
    ["llama:", /CHAT_MODELS: "llama:" does not say what; write llama:FILE.gguf/],
    ["llama:./my model.gguf", /CHAT_MODELS: "my model" cannot be a name.*; write NAME=/],
    ["llama:a/x.gguf,llama:b/x.gguf", /two models with the name "x"; NAME=/],
    ["a=", /CHAT_MODELS: a is ""; write a=PATH:Class/],
    ["a=./a.ts", /CHAT_MODELS: a is ".\/a.ts"; write a=PATH:Class/],
    ["a=:A", /write a=PATH:Class/],
    ["a=./a.ts:", /write a=PATH:Class/],
    ["simulated,simulated", /CHAT_MODELS: there are two models with the name "simulated"/],
  ])("%j is refused, and the reason says what is wrong", (text, reason) => {
    expect(() => parseModels(text, "/home/ann")).toThrow(reason);
  });
});

describe("a catalog", () => {
  it("of nothing cannot be made", () => {
    expect(() => new ModelCatalog([])).toThrow("no model");
  });
});
