import { useRef } from "preact/hooks";
import s from "./Divider.module.css";

interface Props {
  at: number; // pixels from the left of what it stands in
  min: number;
  max: number;
  label: string;
  onMove: (at: number) => void;
  reversed?: boolean; // at counts from the right
  class?: string;
}

/** A line between two parts of the page that can be dragged, and moved with the arrow keys. */
export function Divider({ at, min, max, label, onMove, reversed = false, class: c }: Props) {
  const drag = useRef<{ x: number; at: number } | undefined>(undefined);
  const move = (to: number) => onMove(Math.min(max, Math.max(min, to)));
  const sign = reversed ? -1 : 1;
  return (
    <div
      class={[s.divider, c].filter(Boolean).join(" ")}
      style={reversed ? { right: `${at - 4}px` } : { left: `${at - 4}px` }}
      role="separator"
      aria-orientation="vertical"
      aria-label={label}
      aria-valuenow={Math.round(at)}
      aria-valuemin={Math.round(min)}
      aria-valuemax={Math.round(max)}
      tabIndex={0}
      onPointerDown={(e) => {
        if (e.button !== 0) return;
        e.preventDefault();
        e.currentTarget.setPointerCapture(e.pointerId);
        drag.current = { x: e.clientX, at };
      }}
      onPointerMove={(e) => drag.current && move(drag.current.at + sign * (e.clientX - drag.current.x))}
      onPointerUp={() => (drag.current = undefined)}
      onPointerCancel={() => (drag.current = undefined)}
      onKeyDown={(e) => {
        const step = { ArrowLeft: -20, ArrowRight: 20 }[e.key];
        if (step === undefined) return;
        e.preventDefault();
        e.stopPropagation();
        move(at + sign * step);
      }}
    />
  );
}
