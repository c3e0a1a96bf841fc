import { setImmediate as turn } from "node:timers/promises";
import { DirtyApp } from "tsunicorn";
import { HOSTILE } from "../hostile-text.ts";

const ANSWERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["attack in whole", [HOSTILE]],
  ["attack in characters", Array.from(HOSTILE)],
  [
    "events",
    [
      "before",
      "\n\ndata: [DONE]\n\n",
      'data: {"token": "faked"}\n\n',
      "event: queued\r\rid: 99\n\n",
      "after",
    ],
  ],
  ["picture", ["![own](assets/nothing.svg) ![foreign](https://evil.example/picture.png)"]],
]);

/** A model that tries to do harm to the readers of its answers. */
export class HostileApp extends DirtyApp {
  static override concurrency = 100;

  async *generate(prompt: string): AsyncGenerator<string, void, undefined> {
    for (const token of ANSWERS.get(prompt) ?? ["What?"]) {
      yield token;
      // Each token a chunk of its own, so that tags and comments come in pieces.
      await turn();
    }
  }
}
