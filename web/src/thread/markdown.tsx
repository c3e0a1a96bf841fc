import { type JSX, memo, useDeferredValue, useState } from "react";
import { Streamdown, type UrlTransform } from "streamdown";
import { createBlockSplitter } from "../markdown/block-splitter.ts";
import { safeAddress } from "./addresses.ts";
import { AnswerBlock } from "./answer-block.tsx";
import { COMPONENTS } from "./markdown-parts.tsx";
import { usePaced } from "./use-paced.ts";

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
      BlockComponent={AnswerBlock}
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
