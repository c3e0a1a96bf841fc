/** A class in Python as a model of the chat, as the chat page and OpenAI's clients ask it. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ctlJson } from "../../../server/test/integration/ctl-command.ts";
import {
  eventually,
  isAlive,
  removeFolder,
  temporaryFolder,
} from "../../../server/test/integration/harness.ts";
import { open, type Stream } from "../../../server/test/integration/http-tools.ts";
import { NO_PYTHON, PYTHON } from "../../../server/test/python/python.ts";
import { jsonOf } from "../event-parts.ts";
import { post, textOf } from "./http-client.ts";
import { askResumable, idOf, numberedEvents, PatientReader, readOn, send } from "./resuming-client.ts";
import { type Chat, startChat } from "./start-chat.ts";

const MODEL = `
import asyncio, json, time
from tsunicorn import DirtyApp, DirtyError, request

def note(what):
    with open("notes.log", "a") as file:
        file.write(json.dumps([request.id, what]) + "\\n")

class UnsupportedRequestError(DirtyError):
    expected = True

class Poet(DirtyApp):
    concurrency = 4
    continues = ["generate"]

    def init(self):
        self.words = ["Zwölf", " ", "Boxkämpfer", " ", "🥊", " ", "jagen", " ", "Viktor", "."]

    def generate(self, prompt, thinking=False, messages=None):
        note("began")
        try:
            if prompt == "what was said":
                yield json.dumps([thinking, messages])
                return
            slow = 0.05 if prompt == "slowly" else 0
            for number in range(len(request.emitted), 100 if slow else 10):
                if slow and request.wait(slow):
                    return
                yield self.words[number % 10]
        finally:
            note("closed")

class Later(DirtyApp):
    concurrency = 4

    async def generate(self, prompt):
        note("began")
        try:
            while True:
                yield "tick "
                await asyncio.sleep(0.02)
        finally:
            note("closed")
`;
const ONCE = "Zwölf Boxkämpfer 🥊 jagen Viktor.";
const SLOWLY = ONCE.repeat(10);

let folder: string;
let chat: Chat;

beforeEach(({ skip }) => {
  if (NO_PYTHON !== undefined) skip(NO_PYTHON);
});

beforeAll(async () => {
  if (NO_PYTHON !== undefined) return;
  folder = temporaryFolder({ "poet.py": MODEL });
  const env = { CHAT_MODELS: "poet=python:poet:Poet,later=python:poet:Later", PYTHONPATH: folder };
  chat = await startChat({
    args: ["--python", PYTHON, "--chdir", folder, "--stream-grace", "20"],
    env,
    cwd: folder,
  });
}, 60_000);

afterAll(async () => {
  await chat?.stop();
  if (folder !== undefined) removeFolder(folder);
});

function ask(body: object, id?: string): Promise<Stream> {
  const headers = { "content-type": "application/json", ...(id && { "x-request-id": id }) };
  return open(chat, "/chat", { method: "POST", headers, body: JSON.stringify(body) });
}

function noted(id: string): string[] {
  const file = path.join(folder, "notes.log");
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  return lines.flatMap((line) => {
    const [of, what] = JSON.parse(line);
    return of === id ? [what] : [];
  });
}

describe("a class in Python behind the chat", () => {
  it("streams on /chat, answers on /chat/sync, and is told what was said before", async () => {
    const stream = await ask({ prompt: "hello" });
    await stream.ended();
    expect(stream.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    expect(textOf(stream.text)).toBe(ONCE);
    expect(JSON.parse((await post(`${chat.url}/chat/sync`, { prompt: "hello" })).text)).toEqual({
      response: ONCE,
    });
    const messages = [{ role: "user", content: "grüß dich" }];
    const said = await post(`${chat.url}/chat/sync`, { prompt: "what was said", thinking: true, messages });
    expect(JSON.parse(JSON.parse(said.text).response)).toEqual([true, messages]);
  });

  it("is closed when its client leaves, whether it is plain or async", async () => {
    for (const model of ["poet", "later"]) {
      const id = `left-${model}`;
      const stream = await ask({ prompt: "slowly", model }, id);
      await eventually("it streams", () => stream.text.includes('"token"'));
      stream.leave();
      await eventually("it is closed", () => noted(id).join() === "began,closed");
    }
  });

  it("speaks on /v1, streamed and not, and is in its models", async () => {
    const models = (await (await fetch(`${chat.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toEqual(["poet", "later"]);
    const body = { model: "poet", messages: [{ role: "user", content: "hello" }] };
    const whole = JSON.parse((await post(`${chat.url}/v1/chat/completions`, body)).text);
    expect(whole.choices[0]).toMatchObject({ message: { content: ONCE }, finish_reason: "stop" });
    const short = JSON.parse(
      (await post(`${chat.url}/v1/chat/completions`, { ...body, max_tokens: 3 })).text,
    );
    expect(short.choices[0]).toMatchObject({
      message: { content: "Zwölf Boxkämpfer" },
      finish_reason: "length",
    });
    const { text } = await post(`${chat.url}/v1/chat/completions`, { ...body, stream: true });
    const parts = jsonOf(text);
    expect(parts.map(({ choices }) => choices[0].delta.content ?? "").join("")).toBe(ONCE);
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  it("has answers that can be resumed after the client was cut off, and cancelled", async () => {
    const first = await askResumable(chat, "slowly", { model: "poet" });
    await eventually("some tokens", () => numberedEvents(first.text).tokens.length > 5);
    first.leave();
    const reader = new PatientReader();
    reader.take(first);
    const rest = await readOn(chat, idOf(first), reader.last);
    expect(rest.status).toBe(200);
    await rest.ended(30_000);
    reader.take(rest);
    expect([reader.text, reader.end]).toEqual([SLOWLY, "[DONE]"]);

    const other = await askResumable(chat, "slowly", { model: "later" });
    expect((await send(chat, "DELETE", idOf(other))).status).toBe(204);
    await other.ended();
    expect(numberedEvents(other.text).end).toBe("cancelled");
    expect((await send(chat, "GET", idOf(other))).status).toBe(404);
  });

  it("costs its readers nothing when its worker is killed in mid-answer, where it says that it can go on", async () => {
    const plain = await ask({ prompt: "slowly" });
    const resumable = await askResumable(chat, "slowly");
    await eventually("both stream", () =>
      [plain, resumable].every(({ text }) => text.split('"token"').length > 5),
    );
    const { workers } = await ctlJson<{ workers: { pid: number; apps: string[] }[] }>(chat, "show", "dirty");
    const [pid, ...others] = workers
      .filter(({ apps }) => apps.includes("python:poet:Poet"))
      .map((one) => one.pid);
    if (pid === undefined || others.length > 0) throw new Error("the poet has not one worker");
    process.kill(pid, "SIGKILL");
    await eventually("it is gone", () => !isAlive(pid));
    await Promise.all([plain.ended(40_000), resumable.ended(40_000)]);
    expect(textOf(plain.text)).toBe(SLOWLY);
    expect(
      numberedEvents(resumable.text)
        .tokens.map(({ token }) => token)
        .join(""),
    ).toBe(SLOWLY);
  });
});
