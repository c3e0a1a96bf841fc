import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { repository, runCommand } from "./support/command.ts";
import { exampleSuite, readmeOf } from "./support/example-server.ts";
import { commandsOf, filesOf, page, section } from "./support/examples.ts";

const folder = join(repository, "examples");
const names = readdirSync(folder).filter((name) => !name.includes("."));

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

const manifestOf = (name: string): Manifest => JSON.parse(page(`examples/${name}/package.json`));
const sourcesOf = (name: string): string[] =>
  readdirSync(join(folder, name)).filter((file) => file.endsWith(".ts"));

describe("the examples", () => {
  it("are the ones of the README's table", () => {
    const linked = [...section("README.md", "Examples").matchAll(/\]\(examples\/([\w-]+)\)/g)];
    expect(linked.map(([, name]) => name).sort()).toEqual([...names].sort());
  });

  it("have the README's own app, byte for byte", () => {
    const files = filesOf(section("README.md", "Write your own"));
    expect(sourcesOf("quick-start").sort()).toEqual([...files.keys()].sort());
    for (const [name, text] of files) expect(page(`examples/quick-start/${name}`)).toBe(text);
  });

  it.for(names)("start with their name: %s", (name) => {
    expect(commandsOf(readmeOf(name))[0]).toBe(`npm run example ${name}`);
  });

  it("are listed for a user who does not know their names", async () => {
    const command = runCommand("npm", ["run", "example", "nothing"], { cwd: repository });
    await expect(command).rejects.toThrow(`There is no example "nothing"`);
    await expect(command).rejects.toThrow(`one of: ${[...names].sort().join(", ")}`);
  });

  it.for(names)("name what they import, in the versions that are tested here: %s", (name) => {
    const { packages } = JSON.parse(page("package-lock.json"));
    const { dependencies, devDependencies } = manifestOf(name);
    for (const [dependency, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      const { link, resolved, version: installed } = packages[`node_modules/${dependency}`];
      expect(version, dependency).toBe(link ? packages[resolved].version : installed);
    }
    const imported = sourcesOf(name)
      .flatMap((file) => ts.preProcessFile(page(`examples/${name}/${file}`)).importedFiles)
      .map(({ fileName }) => /^(@[^/]+\/)?[^/]+/.exec(fileName)?.[0] ?? "");
    const packagesOf = imported.filter((from) => from !== "." && !from.startsWith("node:"));
    expect(Object.keys(dependencies).sort()).toEqual([...new Set(packagesOf)].sort());
  });

  it("share what they have in common: each folder can be copied alone", () => {
    for (const file of ["tsconfig.json", "story-app.ts"]) {
      const copies = names.filter((name) => readdirSync(join(folder, name)).includes(file));
      const texts = copies.map((name) => readFileSync(join(folder, name, file), "utf8"));
      expect(copies.length, file).toBeGreaterThan(1);
      expect(new Set(texts).size, file).toBe(1);
    }
  });
});

exampleSuite("quick-start");
