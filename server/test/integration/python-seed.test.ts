/** The classes of Gunicorn's streaming chat example that adapt it to real models run unchanged, with stand-ins for what they import. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NO_PYTHON } from "../python/python.ts";
import { removeFolder, temporaryFolder } from "./harness.ts";
import type { JobServer } from "./jobs-app.ts";
import { startPythonJobs } from "./python-server.ts";

/** "Adapting for Real LLMs", to the letter. */
const LOCAL = `# chat_app.py
from gunicorn.dirty.app import DirtyApp

class ChatApp(DirtyApp):
    def init(self):
        from transformers import pipeline
        self.generator = pipeline("text-generation", model="gpt2")

    def generate(self, prompt):
        for output in self.generator(prompt, max_new_tokens=100, do_sample=True):
            # Yield tokens as they're generated
            yield output["generated_text"]

    def close(self):
        del self.generator
`;

/** "Or with an API-based LLM", to the letter, behind the import that the first one has. */
const UPSTREAM = `from gunicorn.dirty.app import DirtyApp

class ChatApp(DirtyApp):
    def init(self):
        import openai
        self.client = openai.OpenAI()

    async def generate(self, prompt):
        stream = self.client.chat.completions.create(
            model="gpt-4",
            messages=[{"role": "user", "content": prompt}],
            stream=True
        )
        for chunk in stream:
            if chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content
`;

const TRANSFORMERS = `
import time

def pipeline(task, model):
    assert (task, model) == ("text-generation", "gpt2")
    def generator(prompt, max_new_tokens, do_sample):
        for word in (prompt + " and ever").split(" "):
            time.sleep(0.01)
            yield {"generated_text": word}
    return generator
`;

const OPENAI = `
import time
from types import SimpleNamespace as Some

class OpenAI:
    def __init__(self):
        self.chat = Some(completions=self)
    def create(self, model, messages, stream):
        assert (model, stream) == ("gpt-4", True)
        [message] = messages
        for content in ["You said: ", None, message["content"], "", "!"]:
            time.sleep(0.01)
            yield Some(choices=[Some(delta=Some(content=content))])
`;

let server: JobServer | undefined;

beforeEach(({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
});

afterEach(async () => {
  const stopping = server;
  server = undefined;
  await stopping?.stop();
});

const APP = "python:chat_app:ChatApp";

test.each([
  ["with a local model", LOCAL, { "transformers.py": TRANSFORMERS }, ["for", "ever", "and", "ever"]],
  ["with a model behind an API", UPSTREAM, { "openai.py": OPENAI }, ["You said: ", "for ever", "!"]],
])("the chat %s streams", async (_what, source, installed, said) => {
  server = await startPythonJobs([], ["--dirty-app", APP], { "chat_app.py": source, ...installed });
  for (const args of [["for ever"], ["for ever", false, [{ role: "user", content: "hi" }]]]) {
    const stream = await server.stream({ app: APP, action: "generate", args });
    expect(await stream.over()).toMatchObject({ ended: true });
    expect(stream.chunks).toEqual(said);
  }
});

test("a Gunicorn that is installed is the one that apps import, and its own base class dispatches", async () => {
  const source = `${LOCAL}
    def whose(self):
        return type(self).__mro__[1].WHOSE
`;
  const installed = `
class DirtyApp:
    WHOSE = "the installed one's"
    def init(self): pass
    def close(self): pass
    def __call__(self, action, *args, **kwargs):
        return getattr(self, action)(*args, **kwargs)
`;
  // The packages of Python's own path, where pip would put it.
  const packages = temporaryFolder({ "transformers.py": TRANSFORMERS });
  try {
    mkdirSync(join(packages, "gunicorn", "dirty"), { recursive: true });
    for (const file of ["gunicorn/__init__.py", "gunicorn/dirty/__init__.py"])
      writeFileSync(join(packages, file), "");
    writeFileSync(join(packages, "gunicorn/dirty/app.py"), installed);
    server = await startPythonJobs(
      [],
      ["--dirty-app", APP],
      { "chat_app.py": source },
      { PYTHONPATH: packages },
    );
    expect(await server.call({ app: APP, action: "whose" })).toMatchObject({ result: "the installed one's" });
    const hidden = await server.call({ app: APP, action: "close" });
    expect(hidden.error).toMatchObject({ name: "DirtyAppNotFoundError" });
  } finally {
    removeFolder(packages);
  }
});
