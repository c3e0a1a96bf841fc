// tsunicorn.config.ts
import { defineConfig } from "tsunicorn";

export default defineConfig({
  bind: "127.0.0.1:8000",
  workers: 2,
  dirtyApps: ["./shout-app.ts:ShoutApp"],
  dirtyWorkers: 1,
  dirtyTimeout: 60,
});
