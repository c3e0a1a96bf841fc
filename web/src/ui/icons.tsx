import type { JSX } from "react";

const PATHS = {
  sidebar:
    "M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v11a2.5 2.5 0 0 1-2.5 2.5h-11A2.5 2.5 0 0 1 4 17.5zM9.5 4v16",
  newChat:
    "M12.5 5H7.5A2.5 2.5 0 0 0 5 7.5v9A2.5 2.5 0 0 0 7.5 19h9a2.5 2.5 0 0 0 2.5-2.5v-5M18.4 4.2a1.6 1.6 0 0 1 2.3 2.3L13 14.2l-3.2.9.9-3.2z",
  send: "M12 19V5.5m0 0L6 11.5m6-6 6 6",
  copy: "M9 11a2 2 0 0 1 2-2h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2zM15 9V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v7a2 2 0 0 0 2 2h3",
  check: "m5 12.5 4.5 4.5L19 7.5",
  edit: "M5 19h3.2L18.6 8.6a2.26 2.26 0 0 0-3.2-3.2L5 15.8zM14 7l3 3",
  again: "M19.5 12a7.5 7.5 0 1 1-2.4-5.5L19.5 9m0-4.5V9H15",
  left: "m14.5 6-6 6 6 6",
  right: "m9.5 6 6 6-6 6",
  down: "M12 5v13.5m0 0 6-6m-6 6-6-6",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  trash:
    "M4.5 7h15M9.5 7V5.5A1.5 1.5 0 0 1 11 4h2a1.5 1.5 0 0 1 1.5 1.5V7M6.5 7l.8 11a2 2 0 0 0 2 2h5.4a2 2 0 0 0 2-2l.8-11M10 11v5M14 11v5",
  save: "M12 4.5v10m0 0 4-4m-4 4-4-4M5 16.5v1A2.5 2.5 0 0 0 7.5 20h9a2.5 2.5 0 0 0 2.5-2.5v-1",
  sun: "M12 8.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6zM12 3v1.6M12 19.4V21M3 12h1.6M19.4 12H21M5.6 5.6l1.2 1.2M17.2 17.2l1.2 1.2M18.4 5.6l-1.2 1.2M6.8 17.2l-1.2 1.2",
  moon: "M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7z",
  screen: "M4 7a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM9 20h6M12 16v4",
  api: "m8.5 7.5-4.5 4.5 4.5 4.5M15.5 7.5l4.5 4.5-4.5 4.5M13.5 5l-3 14",
  close: "m6.5 6.5 11 11m0-11-11 11",
  thought: "M9.5 18.5h5M10.5 21h3M8.7 15.3a6 6 0 1 1 6.6 0v.7a1 1 0 0 1-1 1H9.7a1 1 0 0 1-1-1z",
} as const;

/** The name of a picture that the page has. */
export type IconName = keyof typeof PATHS;

/** A small picture in the colour of the text; nothing for a screen reader, so what it stands on needs a name. */
export function Icon({ name, className = "" }: { name: IconName; className?: string }): JSX.Element {
  return (
    <svg
      viewBox="0 0 24 24"
      className={`icon icon-${name} ${className}`}
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
