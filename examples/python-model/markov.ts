import { type DirtyApp, dirty } from "tsunicorn";

/** The actions of the class in markov.py, as TypeScript sees them. */
interface MarkovModel extends DirtyApp {
  /** @param seed the same text each time; without it, another one. */
  generate(prompt: string, words: number, seed?: number): AsyncIterable<string>;
  /** @param pace seconds between two words. */
  dictate(prompt: string, words: number, pace: number, seed?: number): AsyncIterable<string>;
  /** The words that follow most often, with their shares. */
  followers_of(word: string): Promise<{ word: string; share: number }[]>;
}

/** The model in Python. */
export const markov = dirty<MarkovModel>("python:markov:MarkovModel");
