import { describe, expect, it } from "vitest";
import { matchesLock } from "../lib/install.mjs";
import { isSupportedNode } from "../lib/node-version.mjs";

const manifests = { "": { devDependencies: { a: "1.0.0" } }, server: { dependencies: { b: "2.0.0" } } };
const elsewhere = { version: "1.0.0", optional: true, os: ["sunos"], cpu: ["sparc"] };
const here = { version: "1.0.0", optional: true, os: [process.platform], cpu: [process.arch] };
const lock = {
  packages: {
    "": { devDependencies: { a: "1.0.0" } },
    server: { dependencies: { b: "2.0.0" } },
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/b": { version: "2.0.0", integrity: "sha512-b" },
    "node_modules/elsewhere": elsewhere,
    "node_modules/here": here,
  },
};
const installed = () => ({
  packages: {
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/b": { version: "2.0.0", integrity: "sha512-b" },
    "node_modules/here": { version: "1.0.0" },
  },
});

describe("a tree that was installed by hand", () => {
  it("is taken as it is where it is what the lock file says", () => {
    expect(matchesLock(lock, installed(), manifests)).toBe(true);
  });

  it.each([
    ["a package is missing", (tree) => delete tree.packages["node_modules/b"]],
    [
      "a package has another version",
      (tree) => Object.assign(tree.packages["node_modules/a"], { version: "1.0.1" }),
    ],
    [
      "a package has other contents",
      (tree) => Object.assign(tree.packages["node_modules/a"], { integrity: "x" }),
    ],
    ["the binary for this machine is missing", (tree) => delete tree.packages["node_modules/here"]],
  ])("is installed again where %s", (_, change) => {
    const tree = installed();
    change(tree);
    expect(matchesLock(lock, tree, manifests)).toBe(false);
  });

  it("is installed again where a package.json asks for what the lock file does not know", () => {
    const changed = { ...manifests, server: { dependencies: { b: "2.1.0" } } };
    expect(matchesLock(lock, installed(), changed)).toBe(false);
  });
});

describe("the oldest Node", () => {
  it.each([
    ["18.20.8", false],
    ["20.18.3", false],
    ["20.19.0", true],
    ["22.0.0", true],
    ["26.10.0", true],
  ])("%s: %s", (version, supported) => expect(isSupportedNode(version)).toBe(supported));
});
