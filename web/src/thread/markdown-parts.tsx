import type { ComponentProps, JSX } from "react";
import type { Components, ExtraProps } from "streamdown";
import { isOwnImage } from "./addresses.ts";
import { CodeBlock } from "./code-block.tsx";

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

/** A table, which scrolls sideways where it is too wide. */
export function Table({ children }: ComponentProps<"table"> & ExtraProps): JSX.Element {
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

/**
 * What stands for each element of an answer. The page's own headings are h1 and h2, so an answer's begin at h3. Plain
 * tags instead of streamdown's parts: their looks are for another design system, and cost a class merge per element.
 */
export const COMPONENTS: Components = {
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
