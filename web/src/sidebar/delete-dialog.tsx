import type { JSX } from "react";
import { Dialog } from "../ui/dialog.tsx";

/** Asks before a conversation is deleted, for there is no way back. */
export function DeleteDialog(props: {
  open: boolean;
  title: string;
  onClose: () => void;
  onDelete: () => void;
}): JSX.Element {
  return (
    <Dialog open={props.open} label="Delete conversation" className="dialog" onClose={props.onClose}>
      <h2 className="text-lg font-semibold">Delete this conversation?</h2>
      <p className="mt-1.5 text-muted">
        “<span dir="auto">{props.title}</span>” will be gone for good.
      </p>
      <div className="mt-5 flex justify-end gap-2">
        <button type="button" className="button" onClick={props.onClose}>
          Keep
        </button>
        <button
          type="button"
          className="button danger"
          onClick={() => {
            props.onClose();
            props.onDelete();
          }}
        >
          Delete
        </button>
      </div>
    </Dialog>
  );
}
