import { clicked, type Sort } from "../../calls/sort";
import { setParams } from "../../router";
import s from "./Table.module.css";

/** The header of a column, which sorts by it. */
export function Header({ column, text, title, sort, standard, number = false }: { column: string; text: string; title?: string; sort: Sort; standard: string; number?: boolean }) {
  const on = sort.by === column;
  const ascending = sort.reversed === (number && column !== "start");
  return (
    <th scope="col" class={[number && "num", s[`col-${column}`]].filter(Boolean).join(" ")} aria-sort={on ? (ascending ? "ascending" : "descending") : "none"}>
      <button type="button" class={s.sort} title={title} onClick={() => setParams({ sort: clicked(sort, column, standard) }, { replace: true })}>
        <span>{text}</span>
        <span class={s.arrow} aria-hidden="true">
          {on ? (ascending ? "↑" : "↓") : ""}
        </span>
      </button>
    </th>
  );
}
