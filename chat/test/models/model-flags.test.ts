import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const MODULE = new URL("../../bin/model-flags.mjs", import.meta.url);

// In a process of its own, as a script: the flags are read before anything is built.
function take(...args: string[]): unknown {
  const script = `import { takeModelFlags } from ${JSON.stringify(MODULE.href)};
    try { console.log(JSON.stringify(takeModelFlags(process.argv.slice(1)))); }
    catch (error) { console.log(JSON.stringify(error.message)); }`;
  return JSON.parse(
    execFileSync(process.execPath, ["--input-type=module", "-e", script, "--", ...args], {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      encoding: "utf8",
    }),
  );
}

describe("the chat's own flags", () => {
  it("become variables, and all others are left to the server", () => {
    expect(
      take("--model", "a", "--bind", "127.0.0.1:9000", "--model=b=llama:./x.gguf", "--workers=1"),
    ).toEqual({
      args: ["--bind", "127.0.0.1:9000", "--workers=1"],
      variables: { CHAT_MODELS: "a,b=llama:./x.gguf" },
    });
    expect(take("--openai-base-url", "http://127.0.0.1:8080/v1")).toEqual({
      args: [],
      variables: { OPENAI_BASE_URL: "http://127.0.0.1:8080/v1" },
    });
    expect(take()).toEqual({ args: [], variables: {} });
  });

  it("are refused without a value, or where only one can hold", () => {
    expect(take("--model")).toBe("--model needs a value");
    expect(take("--model", "--workers", "1")).toBe("--model needs a value");
    expect(take("--model=")).toBe("--model needs a value");
    expect(take("--openai-base-url", "a", "--openai-base-url", "b")).toBe(
      "--openai-base-url may be given only once",
    );
  });
});
