/** What an answer of {@link ToldApp} that does not end has said before it waits. */
export const BEGINNING = "This answer has begun.";

/** An answer with all that Markdown is good for, as models write it. */
export const SHOWCASE = `# Dirty workers at a glance

A **dirty worker** keeps what is *heavy* in memory, so that \`init\` runs once. It is ~~slow~~ fast.

| process | job | how many |
|:--|:-:|--:|
| arbiter | keeps the others alive | 1 |
| HTTP worker | serves the web app | 2 |
| dirty worker | runs your model | 4 |

1. A request comes in.
2. It is placed:
   - where a worker is free,
   - else in the queue.
3. Tokens stream back.

- [x] streams resume
- [ ] coffee is made

\`\`\`ts
import { DirtyApp } from "tsunicorn";

export class Counter extends DirtyApp {
  static override concurrency = 8; // requests that one worker runs at once, however long a line of code may become in the end
  async *count(times: number) {
    for (let i = 0; i < times; i++) yield String(i);
  }
}
\`\`\`

> Who waits is told so.

Read [the description of the API](docs) or write to [the authors](mailto:authors@example.org).
`;

const CLAUSES = [
  "the arbiter looks after them all",
  "an HTTP worker takes the request",
  "a dirty worker makes the tokens",
  "a client that waits is told so",
];

/** How many sentences {@link LONG} has; each says its number. */
export const SENTENCES = 45;

/** A long text, no sentence of which is like another: a part that is lost or comes twice shows. */
export const LONG: string = Array.from(
  { length: SENTENCES },
  (_, index) =>
    `Sentence ${index + 1} says that ${CLAUSES[index % CLAUSES.length]}.${index % 6 === 5 ? "\n\n" : " "}`,
)
  .join("")
  .trim();
