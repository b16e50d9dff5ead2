import { signal } from "@preact/signals";
import type { Trace } from "../../trace/trace";
import { and } from "../../query";
import { url } from "../../router";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import s from "./Attributes.module.css";
import { around } from "./DetailsLoad";
import { t } from "./DetailsMessages";

/** The conditions that the user puts together for a search, one attribute after the other, of any span. */
export const picked = signal<readonly string[]>([]);

export function togglePicked(condition: string): void {
  const now = picked.peek();
  picked.value = now.includes(condition) ? now.filter((c) => c !== condition) : [...now, condition];
}

/** What was put together so far, with the way to the search. */
export function Picked({ trace }: { trace: Trace }) {
  if (picked.value.length === 0) return null;
  return (
    <aside class={s.picked} aria-label={t.picked}>
      <ul>
        {picked.value.map((c) => (
          <li key={c}>
            <code>
              <bdi>{c}</bdi>
            </code>
            <button type="button" class={s.action} aria-label={t.removeFromSearch(c.slice(0, 80))} onClick={() => togglePicked(c)}>
              <Icon name="close" size={12} />
            </button>
          </li>
        ))}
      </ul>
      <div class={s.pickedEnd}>
        <a class={s.search} href={url("search", { q: and(...picked.value), ...around(trace) })}>
          <Icon name="search" size={14} />
          {t.pickedSearch}
        </a>
        <Button look="quiet" onClick={() => (picked.value = [])}>
          {t.pickedClear}
        </Button>
      </div>
    </aside>
  );
}
