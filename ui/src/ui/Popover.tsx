import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "./Button";
import type { IconName } from "./Icon";
import s from "./Popover.module.css";

interface Props {
  text?: ComponentChildren; // of the button
  icon?: IconName;
  label: string; // of the button and of the panel
  align?: "left" | "right";
  look?: "plain" | "quiet";
  children: (close: () => void) => ComponentChildren;
}

/** A button that opens a panel below it. The panel closes with Escape and by a click or a focus elsewhere. */
export function Popover({ text, icon, label, align = "left", look = "plain", children }: Props) {
  const [open, setOpen] = useState(false);
  const ref = useRef<HTMLDivElement>(null);
  const close = () => {
    setOpen(false);
    ref.current?.querySelector("button")?.focus();
  };
  useEffect(() => {
    if (!open) return;
    const outside = (e: Event) => {
      if (!ref.current?.contains(e.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", outside);
    addEventListener("focusin", outside);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("focusin", outside);
    };
  }, [open]);
  return (
    <div
      ref={ref}
      class={s.popover}
      onKeyDown={(e) => {
        if (open && e.key === "Escape") {
          e.stopPropagation();
          close();
        }
      }}
    >
      <Button icon={icon} look={look} label={label} aria-expanded={open} aria-haspopup="dialog" onClick={() => setOpen(!open)}>
        {text}
      </Button>
      {open && (
        <div class={[s.panel, align === "right" && s.right].filter(Boolean).join(" ")} role="dialog" aria-label={label}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
