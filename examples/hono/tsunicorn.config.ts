import { defineConfig } from "tsunicorn";

export default defineConfig({
  bind: "127.0.0.1:8000",
  workers: 2,
  dirtyApps: ["./story-app.ts:StoryApp"],
  dirtyWorkers: 1,
  dirtyTimeout: 60, // seconds that a story may take
  dirtyQueueSize: 8, // stories that may wait for the teller; the next request gets a 429
});
