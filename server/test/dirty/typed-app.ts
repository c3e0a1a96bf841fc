import { DirtyApp } from "../../src/dirty/app.ts";

/** An app with an action of every kind, for tests of the client's types. */
export class ChatApp extends DirtyApp {
  model = "a field is not an action";
  readonly handler = (text: string): string => text;

  get size(): number {
    return 0;
  }

  countTokens(text: string): number {
    return text.length;
  }

  async load(name: string, options?: { fast: boolean }): Promise<{ name: string; fast: boolean }> {
    return { name, fast: options?.fast ?? false };
  }

  describe(value: { timeout: number; signal: string }): string {
    return value.signal;
  }

  async *generate(prompt: string): AsyncGenerator<string, void, undefined> {
    yield prompt;
  }

  *count(to: number): Generator<number, string, undefined> {
    for (let n = 0; n < to; n++) yield n;
    return "done";
  }

  iterate(): AsyncIterable<Uint8Array> {
    return this.bytes();
  }

  nothing(): void {}

  _internal(): string {
    return "";
  }

  private async *bytes(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array();
  }
}
