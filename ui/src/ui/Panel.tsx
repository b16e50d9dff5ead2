import type { ComponentChildren } from "preact";
import { Progress } from "./State";
import s from "./Panel.module.css";

/** A titled part of a page. */
export function Panel({ title, aside, loading = false, flush = false, children, class: c }: { title?: ComponentChildren; aside?: ComponentChildren; loading?: boolean; flush?: boolean; children: ComponentChildren; class?: string }) {
  return (
    <section class={[s.panel, c].filter(Boolean).join(" ")}>
      <Progress on={loading} />
      {(title || aside) && (
        <header class={s.header}>
          {title && <h2 class={s.title}>{title}</h2>}
          <div class={s.aside}>{aside}</div>
        </header>
      )}
      <div class={flush ? undefined : s.body}>{children}</div>
    </section>
  );
}
