import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import s from "./VirtualRows.module.css";

interface Props {
  count: number;
  rowHeight: number; // of every row, in CSS pixels
  label: string;
  class?: string; // gives it a height
  children: (i: number) => ComponentChildren;
}

const spare = 12; // rows that are there above and below what can be seen

// Browsers lay out no element that is higher; Firefox is the first to stop.
const highest = 15_000_000;

/** A list of which only the rows that can be seen are in the document; they may be a hundred thousand. */
export function VirtualRows({ count, rowHeight, label, class: c, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [window, setWindow] = useState({ first: 0, last: 40 });
  const update = () => {
    const el = box.current;
    if (!el) return; // the view was left
    const first = Math.max(0, Math.floor(el.scrollTop / rowHeight) - spare);
    const last = Math.ceil((el.scrollTop + el.clientHeight) / rowHeight) + spare;
    setWindow((w) => (w.first === first && w.last === last ? w : { first, last }));
  };
  useEffect(() => {
    update();
    const resize = new ResizeObserver(update);
    resize.observe(box.current!);
    return () => resize.disconnect();
  }, [count]);
  const shown = Math.min(count, Math.floor(highest / rowHeight));
  const rows = [];
  for (let i = window.first; i < Math.min(window.last, shown); i++) {
    rows.push(
      <div key={i} class={s.row} role="listitem" aria-setsize={count} aria-posinset={i + 1} style={{ transform: `translateY(${i * rowHeight}px)`, height: `${rowHeight}px` }}>
        {children(i)}
      </div>,
    );
  }
  return (
    <div ref={box} class={[s.box, c].filter(Boolean).join(" ")} tabIndex={0} role="list" aria-label={label} onScroll={update}>
      <div class={s.all} style={{ height: `${shown * rowHeight}px` }} role="presentation">
        {rows}
      </div>
    </div>
  );
}
