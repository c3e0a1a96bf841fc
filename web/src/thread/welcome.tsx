import { ThreadPrimitive } from "@assistant-ui/react";
import type { JSX } from "react";
import logo from "../logo.svg";

const SUGGESTIONS = [
  { title: "Say hello", prompt: "Hello there!" },
  { title: "Explain", prompt: "Explain dirty workers" },
  { title: "Streaming", prompt: "How does streaming work?" },
  { title: "Code", prompt: "Show me some code" },
] as const;

/** What an empty conversation shows. */
export function Welcome(): JSX.Element {
  return (
    <section className="welcome" aria-labelledby="welcome">
      <img src={logo} alt="" width="56" height="56" />
      <h2 id="welcome">What would you like to know?</h2>
      <p>Each answer is streamed token by token out of a dirty worker.</p>
      <div className="suggestions">
        {SUGGESTIONS.map(({ title, prompt }) => (
          <ThreadPrimitive.Suggestion key={title} prompt={prompt} send className="suggestion">
            <strong>{title}</strong>
            <span>{prompt}</span>
          </ThreadPrimitive.Suggestion>
        ))}
      </div>
    </section>
  );
}
