import path from "node:path";
import { describe, expect, test } from "vitest";
import { parseAppSpec, resolveAppFile } from "../../src/config/app-spec.ts";
import { folderWith } from "./folder.ts";

describe("an app has one name, however its spec is written", () => {
  test.each([
    "./chat-app.ts:ChatApp",
    "chat-app:ChatApp:2",
    "chat-app.js:ChatApp",
    "./chat-app.mts:ChatApp",
    "sub/../chat-app.cjs:ChatApp:1",
    ".//chat-app:ChatApp",
    "/srv/base/chat-app.js:ChatApp",
    "../base/chat-app:ChatApp",
  ])("%s", (spec) => {
    expect(parseAppSpec(spec, "/srv/base").name).toBe("chat-app:ChatApp");
  });

  test.each([
    ["apps/chat.ts:ChatApp", "apps/chat:ChatApp"],
    ["../lib/chat.ts:ChatApp", "../lib/chat:ChatApp"],
    ["/opt/chat.ts:ChatApp", "../../opt/chat:ChatApp"],
    ["model.v2:Model", "model.v2:Model"],
    ["model.v2.ts:Model", "model.v2:Model"],
    ["myapp.ml:ModelApp", "myapp.ml:ModelApp"],
    ["chat:$Größe_2", "chat:$Größe_2"],
  ])("%s is %s", (spec, name) => {
    expect(parseAppSpec(spec, "/srv/base").name).toBe(name);
  });

  test("paths are relative to the working folder where no other is given", () => {
    expect(parseAppSpec(`${process.cwd()}/chat.ts:ChatApp`).name).toBe("chat:ChatApp");
  });
});

test("a spec's path, class and number of workers are taken as written", () => {
  expect(parseAppSpec("./chat-app.ts:ChatApp:12", "/srv")).toEqual({
    language: "node",
    path: "./chat-app.ts",
    query: "",
    className: "ChatApp",
    workers: 12,
    name: "chat-app:ChatApp",
  });
  expect(parseAppSpec("./chat-app.ts:ChatApp", "/srv").workers).toBeUndefined();
});

test("a spec of an app in Python has a module, and its name is the same from every folder", () => {
  expect(parseAppSpec("python:models.chat_app:ChatApp:2", "/srv")).toEqual({
    language: "python",
    path: "models.chat_app",
    query: "",
    className: "ChatApp",
    workers: 2,
    name: "python:models.chat_app:ChatApp",
  });
  expect(parseAppSpec("python:chat:ChatApp", "/elsewhere").name).toBe("python:chat:ChatApp");
});

test("a query makes another app of the same file", () => {
  expect(parseAppSpec("./chat-app.ts?llama3.1%3A8b:ChatApp:2", "/srv")).toEqual({
    language: "node",
    path: "./chat-app.ts",
    query: "?llama3.1%3A8b",
    className: "ChatApp",
    workers: 2,
    name: "chat-app?llama3.1%3A8b:ChatApp",
  });
});

test.each([
  ["", "has no path; write PATH:Class"],
  [":ChatApp", "has no path; write PATH:Class"],
  ["?a:ChatApp", "has no path; write PATH:Class"],
  ["./chat-app.ts", "has no class; write PATH:Class"],
  ["./chat-app.ts:", "has no class; write PATH:Class"],
  ["chat:Chat App", 'has "Chat App" where a class belongs'],
  ["chat:2", 'has "2" where a class belongs'],
  ["chat:ChatApp:0", 'has "0" where its number of workers belongs, 1 or more'],
  ["chat:ChatApp:-1", 'has "-1" where its number of workers belongs, 1 or more'],
  ["chat:ChatApp:2x", 'has "2x" where its number of workers belongs, 1 or more'],
  ["chat:ChatApp:", 'has "" where its number of workers belongs, 1 or more'],
  ["chat:ChatApp:1:2", "has too many colons; write PATH:Class or PATH:Class:N"],
  ["python:", "has no module; write python:module:Class"],
  ["python:myapp.ml", "has no class; write python:module:Class"],
  ["python:./ml.py:ModelApp", 'has "./ml.py" where a Python module belongs, as in python:chat_app:ModelApp'],
  ["python:ml..app:ModelApp", 'has "ml..app" where a Python module belongs'],
  ["python:ml:ModelApp:0", 'has "0" where its number of workers belongs, 1 or more'],
  ["python:ml:ModelApp:1001", 'has "1001" where its number of workers belongs, 1000 at most'],
  ["python:ml:ModelApp:1:2", "has too many colons; write python:module:Class or python:module:Class:N"],
])("the spec %j is refused: it %s", (spec, message) => {
  expect(() => parseAppSpec(spec, "/srv")).toThrow(message);
});

describe("the file of an app", () => {
  test("is the one that was named, where it exists", () => {
    const folder = folderWith({ "chat.ts": "", "chat.js": "" });
    expect(resolveAppFile("./chat.ts", folder)).toBe(path.join(folder, "chat.ts"));
    expect(resolveAppFile(path.join(folder, "chat.ts"), "/")).toBe(path.join(folder, "chat.ts"));
  });

  test("is the built one for a spec without extension", () => {
    const folder = folderWith({ "chat.ts": "", "chat.mjs": "" });
    expect(resolveAppFile("chat", folder)).toBe(path.join(folder, "chat.mjs"));
  });

  test.each([
    ["chat.ts", "chat.js"],
    ["chat.js", "chat.ts"],
    ["chat.ts", "chat.mjs"],
    ["chat.mjs", "chat.mts"],
    ["chat", "chat.cts"],
    ["chat.v2", "chat.v2.js"],
  ])("%s is found as %s where only that exists", (named, existing) => {
    const folder = folderWith({ [existing]: "" });
    expect(resolveAppFile(named, folder)).toBe(path.join(folder, existing));
  });

  test("is never a folder of that name", () => {
    const folder = folderWith({ "chat/index.js": "", "chat.ts": "" });
    expect(resolveAppFile("chat", folder)).toBe(path.join(folder, "chat.ts"));
  });

  test("that does not exist is named with what was tried", () => {
    const folder = folderWith({});
    expect(() => resolveAppFile("chat.ts", folder)).toThrow(
      `no such file: ${folder}/chat.ts (tried the extensions js, mjs, cjs, ts, mts, cts, tsx, jsx)`,
    );
  });
});
