import { type JSX, type ReactNode, useEffect, useRef } from "react";

/**
 * The browser's own modal dialog: it keeps the focus inside, closes on Esc, and gives the focus back.
 * What is in it exists only while it is open.
 */
export function Dialog(props: {
  open: boolean;
  label: string;
  className: string;
  onClose: () => void;
  children: ReactNode;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const node = dialog.current;
    if (!props.open || node === null) return;
    node.showModal();
    return () => node.close();
  }, [props.open]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside the dialog; its key is Esc, which the browser handles
    <dialog
      ref={dialog}
      aria-label={props.label}
      className={props.className}
      onClose={(event) => {
        // React has the event of a dialog within this one pass by here, too.
        if (event.target === event.currentTarget) props.onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) props.onClose();
      }}
    >
      {props.open && props.children}
    </dialog>
  );
}
