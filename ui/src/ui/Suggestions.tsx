import { useEffect, useRef } from "preact/hooks";
import type { Suggestion } from "../query/suggest";
import { Icon } from "./Icon";
import { t } from "./queryMessages";
import s from "./Suggestions.module.css";

/** What can be put where the caret is: the list of a combobox, whose keys its input handles. */
export function Suggestions({ id, list, active, typed, onPick }: { id: string; list: readonly Suggestion[]; active: number; typed: string; onPick: (one: Suggestion) => void }) {
  const ref = useRef<HTMLUListElement>(null);
  useEffect(() => {
    ref.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return (
    <div class={s.panel} onMouseDown={(e) => e.preventDefault()}>
      <ul ref={ref} id={`${id}-list`} class={s.list} role="listbox" aria-label={t.suggestions}>
        {list.map((one, n) => (
          <li key={one.kind + one.text} id={`${id}-${n}`} class={s.option} role="option" aria-selected={n === active} onClick={() => onPick(one)}>
            <span class={[s.shown, s[one.kind]].filter(Boolean).join(" ")}>
              {one.kind === "trace" && <Icon name="right" />}
              <bdi>{one.shown === "" ? '""' : one.shown}</bdi>
            </span>
            <span class={s.note}>{one.note}</span>
          </li>
        ))}
      </ul>
      <p class={s.keys} aria-hidden="true">
        <kbd>↑</kbd>
        <kbd>↓</kbd> {t.choose}
        {(typed || active >= 0) && (
          <>
            <kbd>Tab</kbd> {t.accept}
          </>
        )}
        <kbd>Enter</kbd> {active >= 0 ? t.accept : t.search}
      </p>
    </div>
  );
}
