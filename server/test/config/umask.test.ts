import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { folderWith } from "./folder.ts";

const load = async (argv: string[], value?: string) =>
  (
    await loadConfig(
      ["a.ts", ...argv],
      {},
      folderWith(
        value === undefined ? {} : { "tsunicorn.config.mjs": `export default { umask: ${value} };` },
      ),
    )
  ).settings.umask;

test.each([
  ["0", "0000"],
  ["7", "0007"],
  ["22", "0022"],
  ["0022", "0022"],
  ["0o27", "0027"],
  ["777", "0777"],
])("--umask %s is %s: in octal, as a shell takes it", async (text, umask) => {
  expect(await load(["--umask", text])).toBe(umask);
});

test.each([
  ["0o007", "0007"],
  ["0", "0000"],
  ['"022"', "0022"],
])("in a config file %s is %s", async (value, umask) => {
  expect(await load([], value)).toBe(umask);
});

test.each(["8", "0x7", "-1", "1000", "u=rwx", "0.5"])("--umask=%s is refused", async (text) => {
  await expect(load([`--umask=${text}`])).rejects.toThrow(
    `umask: "${text}" is not a mask in octal, from 0 to 0777 (from flag --umask)`,
  );
});
