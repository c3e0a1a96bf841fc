import { type ComponentProps, type JSX, memo, useDeferredValue, useState } from "react";
import { type Components, type ExtraProps, Streamdown, type UrlTransform } from "streamdown";
import { isOwnImage, safeAddress } from "./addresses.ts";
import { createBlockSplitter } from "./block-splitter.ts";
import { CodeBlock } from "./code-block.tsx";
import { usePaced } from "./use-paced.ts";

function Link({ href, children }: ComponentProps<"a"> & ExtraProps): JSX.Element {
  if (href === undefined) return <span>{children}</span>;
  if (href.startsWith("#")) return <a href={href}>{children}</a>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

function Image({ src, alt }: ComponentProps<"img"> & ExtraProps): JSX.Element {
  const address = typeof src === "string" ? src : undefined;
  if (address !== undefined && isOwnImage(address, location.href))
    return <img src={address} alt={alt ?? ""} loading="lazy" decoding="async" />;
  return <Link href={address}>{alt === undefined || alt === "" ? "Image" : alt}</Link>;
}

function Table({ children }: ComponentProps<"table"> & ExtraProps): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section className="table-box" aria-label="Table" tabIndex={0}>
      <table>{children}</table>
    </section>
  );
}

function Task({ checked }: ComponentProps<"input"> & ExtraProps): JSX.Element {
  return (
    <input type="checkbox" checked={checked === true} disabled aria-label={checked ? "Done" : "To do"} />
  );
}

// The page's own headings are h1 and h2, so an answer's begin at h3. Plain tags instead of streamdown's parts:
// their looks are for another design system, and cost a class merge per element.
const COMPONENTS: Components = {
  a: Link,
  img: Image,
  table: Table,
  pre: CodeBlock,
  input: Task,
  h1: ({ children }) => <h3 className="first">{children}</h3>,
  h2: ({ children }) => <h4 className="second">{children}</h4>,
  h3: ({ children }) => <h5>{children}</h5>,
  h4: ({ children }) => <h6>{children}</h6>,
  h5: "h6",
  h6: "h6",
  code: "code",
  p: "p",
  ol: "ol",
  ul: "ul",
  li: "li",
  hr: "hr",
  strong: "strong",
  blockquote: "blockquote",
  thead: "thead",
  tbody: "tbody",
  tr: "tr",
  th: "th",
  td: "td",
  sup: "sup",
  sub: "sub",
  section: "section",
};

// Without the plugin that would parse HTML, streamdown shows it as text.
const NO_PLUGINS: [] = [];
const NO_DIALOG = { enabled: false };

const onlySafe: UrlTransform = (url) => safeAddress(url, location.href) ?? null;

/**
 * An answer's Markdown, also while it grows. React may render it a little later than the text comes, in slices
 * between which the page still reacts.
 */
export const Markdown = memo(function Markdown(props: { text: string; running: boolean }): JSX.Element {
  const [split] = useState(() => createBlockSplitter());
  const text = useDeferredValue(usePaced(props.text, props.running), "");
  return (
    <Streamdown
      className="markdown"
      components={COMPONENTS}
      rehypePlugins={NO_PLUGINS}
      parseMarkdownIntoBlocksFn={split}
      urlTransform={onlySafe}
      linkSafety={NO_DIALOG}
      controls={false}
      isAnimating={props.running}
    >
      {text}
    </Streamdown>
  );
});
