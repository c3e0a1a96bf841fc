import { defineConfig } from "tsunicorn";

export default defineConfig({
  bind: "127.0.0.1:8000",
  workers: 2,
  dirtyApps: ["python:markov:MarkovModel"], // module and class, found in this folder
  // python: ".venv", // a virtualenv with the packages that a real model needs
  dirtyTimeout: 60,
});
