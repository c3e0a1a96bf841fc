import { type ComponentProps, type JSX, memo, type ReactNode } from "react";
import { Block, type BlockProps, type Components, type ExtraProps } from "streamdown";
import { cutLongBlock } from "../markdown/long-block.ts";
import type { LongBlock } from "../markdown/pieces.ts";
import { Code } from "./code-block.tsx";
import { COMPONENTS, Table } from "./markdown-parts.tsx";

function Content({ children }: { children?: ReactNode } & ExtraProps): ReactNode {
  return children;
}

function Nothing(): null {
  return null;
}

/** Only the list that a piece begins with gives its items alone; those within them stay lists. */
function isOutermost(node: ExtraProps["node"]): boolean {
  return node?.position?.start.offset === 0;
}

function Numbered({ node, children, ...props }: ComponentProps<"ol"> & ExtraProps): ReactNode {
  return isOutermost(node) ? children : <ol {...props}>{children}</ol>;
}

function Unnumbered({ node, children, ...props }: ComponentProps<"ul"> & ExtraProps): ReactNode {
  return isOutermost(node) ? children : <ul {...props}>{children}</ul>;
}

const FIRST_ROWS: Components = { ...COMPONENTS, table: Content };
const MORE_ROWS: Components = { ...FIRST_ROWS, thead: Nothing };
const ITEMS: Components = { ...COMPONENTS, ol: Numbered, ul: Unnumbered };
const WORDS: Components = { ...COMPONENTS, p: Content };

/**
 * A block of an answer. A long one is parsed in pieces, of which only the last is parsed again while it grows; on the
 * page it is the one table, list, paragraph or piece of code that it would be otherwise.
 */
export const AnswerBlock = memo(function AnswerBlock(props: BlockProps & { longest?: number }): JSX.Element {
  const { longest, ...block } = props;
  const long = cutLongBlock(block.content, longest);
  return long === undefined ? <Block {...block} /> : <Long block={block} long={long} />;
});

function Long({ block, long }: { block: BlockProps; long: LongBlock }): JSX.Element {
  const { kind, head, pieces, start, last = 0, language = "" } = long;
  const parse = (piece: string, index: number, components: Components): JSX.Element => (
    <Block
      {...block}
      key={index}
      components={components}
      content={head + piece}
      isIncomplete={block.isIncomplete && index === pieces.length - 1}
    />
  );
  if (kind === "code") {
    const code = pieces.join("").replace(/\n$/, "");
    return <Code code={code} language={language} open={block.isIncomplete} />;
  }
  if (kind === "table") {
    return (
      <Table>{pieces.map((piece, index) => parse(piece, index, index === 0 ? FIRST_ROWS : MORE_ROWS))}</Table>
    );
  }
  if (kind === "list") {
    const items = pieces.map((piece, index) => parse(piece, index, ITEMS));
    if (start === undefined) return <ul>{items}</ul>;
    return (
      <ol start={start === 1 ? undefined : start} className={last < 1000 ? undefined : "thousands"}>
        {items}
      </ol>
    );
  }
  // The parser leaves out the space at the end of a piece, which is one between words.
  const space = (piece: string, index: number): string =>
    index < pieces.length - 1 && /\s$/.test(piece) ? " " : "";
  return <p>{pieces.map((piece, index) => [parse(piece, index, WORDS), space(piece, index)])}</p>;
}
