import {
  type ComponentProps,
  isValidElement,
  type JSX,
  memo,
  type ReactNode,
  useEffect,
  useState,
} from "react";
import { type ExtraProps, useIsCodeFenceIncomplete } from "streamdown";
import { Icon } from "../ui/icons.tsx";
import { useCopied } from "../ui/use-copied.ts";
import { type Highlight, highlight, knownHighlight } from "./highlighter.ts";

/** The `pre` of an answer's Markdown. */
export function CodeBlock({ children }: ComponentProps<"pre"> & ExtraProps): JSX.Element {
  return <Code {...readCode(children)} open={useIsCodeFenceIncomplete()} />;
}

/** Code with its language, a button that copies it, and colours once it is whole. */
export function Code(props: { code: string; language: string; open: boolean }): JSX.Element {
  const { code, language, open } = props;
  const { state, copy } = useCopied();
  const label = { idle: "Copy", copied: "Copied", failed: "Not allowed" }[state];
  return (
    <figure className="code">
      <figcaption>
        <span>{language === "" ? "text" : language}</span>
        <button type="button" className="copy" aria-label={`${label} code`} onClick={() => copy(code)}>
          <Icon name={state === "copied" ? "check" : "copy"} className="size-4" />
          {label}
        </button>
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section tabIndex={0} aria-label={language === "" ? "Code" : `Code, ${language}`}>
        <pre>
          <code>{open ? code : <Coloured code={code} language={language} />}</code>
        </pre>
      </section>
    </figure>
  );
}

/** Lines that get their colours within a frame; the others follow in the next ones. */
const LINES_AT_ONCE = 150;

const Coloured = memo(function Coloured({ code, language }: { code: string; language: string }): ReactNode {
  const [lines, setLines] = useState(() => knownHighlight(code, language));
  const [count, setCount] = useState(LINES_AT_ONCE);
  useEffect(() => {
    let wanted = true;
    void highlight(code, language).then((found) => {
      if (wanted) setLines(found);
    });
    return () => {
      wanted = false;
    };
  }, [code, language]);
  useEffect(() => {
    if (lines === undefined || count >= lines.length) return;
    const frame = requestAnimationFrame(() => setCount(count + LINES_AT_ONCE));
    return () => cancelAnimationFrame(frame);
  }, [lines, count]);
  if (lines === undefined) return code;
  const parts: ReactNode[] = [];
  for (let start = 0; start < Math.min(count, lines.length); start += LINES_AT_ONCE) {
    parts.push(<Lines key={start} lines={lines} start={start} />);
  }
  return [...parts, code.split("\n").slice(count).join("\n")];
});

const Lines = memo(function Lines(props: { lines: Highlight; start: number }): ReactNode {
  const { lines, start } = props;
  return lines.slice(start, start + LINES_AT_ONCE).map((line, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: lines of finished code never move
    <span key={index}>
      {line.map(({ content, color }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: neither do its pieces
        <span key={at} style={{ color }}>
          {content}
        </span>
      ))}
      {start + index < lines.length - 1 && "\n"}
    </span>
  ));
});

/** What stands in the `code` element that Markdown puts into a `pre`. */
function readCode(children: ReactNode): { code: string; language: string } {
  if (!isValidElement<{ className?: string; children?: ReactNode }>(children))
    return { code: "", language: "" };
  const { className = "", children: text } = children.props;
  const language = /language-(\S+)/.exec(className)?.[1] ?? "";
  return { code: typeof text === "string" ? text.replace(/\n$/, "") : "", language };
}
