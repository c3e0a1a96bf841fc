import { defineConfig } from "tsunicorn";

export default defineConfig({
  bind: "127.0.0.1:8000",
  workers: 1,
  dirtyApps: ["./thumbnail-app.ts:ThumbnailApp"],
  dirtyWorkers: 2, // images that are worked on at once
  dirtyTimeout: 30, // seconds that one may take
  dirtyQueueSize: 16, // images that may wait: each is in memory while it does
});
