// Writes docs/settings.md from the table of settings. Needs the server to be built.
import { writeFileSync } from "node:fs";
import { renderSettingsMarkdown } from "../server/dist/config/markdown.js";

writeFileSync(new URL("../docs/settings.md", import.meta.url), renderSettingsMarkdown());
