import { describe, expect, it } from "vitest";
import { ModelCatalog, parseModels } from "../../src/models/catalog.ts";

const SIMULATED = { name: "simulated", app: "./chat-app.ts:ChatApp" };

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

  it("leaves apps in Python as they are: what they name is no path", () => {
    expect(parseModels("mine=python:my_model:MyModel", "/home/ann").apps).toEqual([
      "python:my_model:MyModel",
    ]);
  });

  it("means the same when it is read again in another folder", () => {
    const catalog = parseModels("a=./a.ts:A,simulated,simulated2=./a.ts:A", "/home/ann");
    expect(parseModels(String(catalog), "/elsewhere")).toEqual(catalog);
    expect(catalog.apps).toHaveLength(2);
  });

  it.each([
    ["gpt-9", /CHAT_MODELS: no model "gpt-9" is built in .*write gpt-9=PATH:Class/],
    ["simulated,", /CHAT_MODELS: an entry has no name/],
    ["=./a.ts:A", /CHAT_MODELS: an entry has no name/],
    ["a b=./a.ts:A", /CHAT_MODELS: "a b" is no name/],
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
