import { DirtyApp } from "tsunicorn";
import { SHAPES } from "../shapes.ts";

/** A model whose answers are hard to show while they come at full speed. Its prompts are the names of {@link SHAPES}. */
export class ShapesApp extends DirtyApp {
  static override concurrency = 100;

  async *generate(prompt: string): AsyncGenerator<string, void, undefined> {
    yield* SHAPES[prompt] ?? ["What?"];
  }
}
