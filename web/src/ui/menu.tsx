import { type JSX, type KeyboardEvent, type RefObject, type ToggleEvent, useId, useRef } from "react";
import { Icon, type IconName } from "./icons.tsx";

/** One thing that a menu offers. */
export interface MenuItem {
  readonly icon: IconName;
  readonly text: string;
  readonly danger?: boolean;
  readonly onSelect: () => void;
}

const WIDTH = 176;
const ITEM_HEIGHT = 40;
const GAP = 4;

/**
 * A button with three dots and the menu behind it. The browser's own popover does the hard parts: Esc, a click
 * elsewhere, and standing above everything; no library that would add a style sheet, which the page's policy forbids.
 */
export function Menu(props: {
  label: string;
  items: readonly MenuItem[];
  button?: RefObject<HTMLButtonElement | null>;
}): JSX.Element {
  const id = useId();
  const own = useRef<HTMLButtonElement>(null);
  const button = props.button ?? own;
  const list = useRef<HTMLDivElement>(null);

  const place = (event: ToggleEvent<HTMLDivElement>): void => {
    const rect = button.current?.getBoundingClientRect();
    if (event.newState !== "open" || rect === undefined) return;
    const height = props.items.length * ITEM_HEIGHT + 2 * GAP;
    const below = rect.bottom + GAP + height < innerHeight;
    const { style } = event.currentTarget;
    style.left = `${Math.max(GAP, rect.right - WIDTH)}px`;
    style.top = `${below ? rect.bottom + GAP : Math.max(GAP, rect.top - GAP - height)}px`;
  };

  const move = (event: KeyboardEvent<HTMLDivElement>): void => {
    const items = [...event.currentTarget.querySelectorAll("button")];
    const at = items.findIndex((item) => item === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Tab") list.current?.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    items.at(to % items.length)?.focus();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        className="icon-button"
        popoverTarget={id}
        aria-haspopup="menu"
        aria-label={props.label}
        title="More"
      >
        <Icon name="more" />
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        role="menu"
        tabIndex={-1}
        aria-label={props.label}
        className="menu"
        onBeforeToggle={place}
        onKeyDown={move}
      >
        {props.items.map((item, index) => (
          <button
            key={item.text}
            type="button"
            role="menuitem"
            // Opening the popover moves the focus to what has this attribute; React's `autoFocus` sets none.
            ref={index === 0 ? (node) => node?.setAttribute("autofocus", "") : undefined}
            tabIndex={-1}
            className={item.danger ? "menu-item text-danger" : "menu-item"}
            onClick={() => {
              list.current?.hidePopover();
              item.onSelect();
            }}
          >
            <Icon name={item.icon} />
            {item.text}
          </button>
        ))}
      </div>
    </>
  );
}
