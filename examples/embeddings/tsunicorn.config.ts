import { defineConfig } from "tsunicorn";

export default defineConfig({
  bind: "127.0.0.1:8000",
  workers: 2,
  dirtyApps: ["./embedding-app.ts:EmbeddingApp"],
  dirtyWorkers: 1, // a model on a graphics card: one worker for each card
  dirtyTimeout: 30,
});
