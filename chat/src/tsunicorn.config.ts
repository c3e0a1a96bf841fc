import { defineConfig } from "tsunicorn";
import { parseModels } from "./models/catalog.ts";

const models = parseModels(process.env.CHAT_MODELS, process.cwd());
// The HTTP workers read it too, in another folder.
process.env.CHAT_MODELS = models.toString();

/** How the chat is served; each setting can be overridden by its flag or TSUNICORN_* variable. */
export default defineConfig({
  name: "chat",
  bind: ["0.0.0.0:8000"],
  workers: 2,
  dirtyApps: models.apps,
  // Each model is in processes of its own: none has to hold two, and none goes down with another.
  dirtyOwnWorkers: true,
  // An app that can neither answer nor embed is not a model: better told at the start than to the first client.
  dirtyActions: ["generate", "complete", "embed"],
  dirtyTimeout: 60,
});
