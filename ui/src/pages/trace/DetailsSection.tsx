import type { ComponentChildren } from "preact";
import type { Signal } from "@preact/signals";
import { remembered } from "../../remembered";
import { Icon } from "../../ui/Icon";
import s from "./Details.module.css";

const open = new Map<string, Signal<boolean>>();

/** Whether the parts of that kind are open, on all spans alike. */
function isOpen(kind: string, initially: boolean): Signal<boolean> {
  let o = open.get(kind);
  if (!o) open.set(kind, (o = remembered<boolean>(`weft.trace.part.${kind}`, initially, (v) => typeof v === "boolean")));
  return o;
}

/** A part of the panel that can be folded; folding one holds for the next spans, too. */
export function Section({ kind, title, count, aside, initially = true, children }: { kind: string; title: string; count?: number; aside?: ComponentChildren; initially?: boolean; children: ComponentChildren }) {
  const o = isOpen(kind, initially);
  return (
    <section class={s.section} id={`part-${kind}`}>
      <header class={s.sectionHead}>
        <h3>
          <button type="button" class={s.fold} aria-expanded={o.value} onClick={() => (o.value = !o.value)}>
            <Icon name={o.value ? "down" : "right"} size={14} />
            {title}
            {count !== undefined && <span class={s.count}>{count.toLocaleString()}</span>}
          </button>
        </h3>
        {o.value && aside && <div class={s.sectionAside}>{aside}</div>}
      </header>
      {o.value && <div class={s.sectionBody}>{children}</div>}
    </section>
  );
}

/** Opens a part and brings it into view. */
export function showSection(kind: string): void {
  isOpen(kind, true).value = true;
  requestAnimationFrame(() => document.getElementById(`part-${kind}`)?.scrollIntoView({ block: "start" }));
}
