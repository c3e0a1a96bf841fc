import { type JSX, useEffect, useRef } from "react";

/** Renames a conversation where it stands: Enter or leaving keeps the new name, Esc the old one. */
export function RenameField(props: {
  title: string;
  onDone: (title: string | undefined) => void;
}): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const finish = (keep: boolean): void => {
    if (done.current) return;
    done.current = true;
    const title = field.current?.value.trim() ?? "";
    props.onDone(keep && title !== "" && title !== props.title ? title : undefined);
  };
  return (
    <input
      ref={field}
      className="rename"
      aria-label="Name of the conversation"
      defaultValue={props.title}
      maxLength={200}
      onBlur={() => finish(true)}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing) return;
        if (event.key !== "Enter" && event.key !== "Escape") return;
        // Esc would also close the drawer around it.
        event.preventDefault();
        event.stopPropagation();
        finish(event.key === "Enter");
      }}
    />
  );
}
