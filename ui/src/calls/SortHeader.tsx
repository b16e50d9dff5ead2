import { setParams } from "../router";
import { t } from "./messages";
import { clicked, type Sort } from "./sort";
import s from "./Table.module.css";

/** The header of a column that a table can be sorted by; how it is sorted is in the address. */
export function SortHeader({ column, text, sort, standard, param = "sort", number = true, title, class: c, span }: { column: string; text: string; sort: Sort; standard: string; param?: string; number?: boolean; title?: string; class?: string; span?: number }) {
  const on = sort.by === column;
  const descending = number !== sort.reversed;
  return (
    <th scope="col" colSpan={span} class={[number && "num", c].filter(Boolean).join(" ")} aria-sort={on ? (descending ? "descending" : "ascending") : "none"}>
      <button type="button" class={s.sort} title={title ?? t.sortBy(text)} onClick={() => setParams({ [param]: clicked(sort, column, standard) }, { replace: true })}>
        {text}
        <span class={s.arrow} aria-hidden="true">
          {on ? (descending ? "↓" : "↑") : ""}
        </span>
      </button>
    </th>
  );
}
