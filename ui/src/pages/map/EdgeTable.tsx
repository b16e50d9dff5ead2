import { SortHeader } from "../../calls/SortHeader";
import { readSort, sorted } from "../../calls/sort";
import { place } from "../../router";
import { Panel } from "../../ui/Panel";
import { errorShare, type Edge, type Graph } from "./graph";
import { t } from "./messages";
import { Figures, NodeName } from "./Side";
import table from "../../calls/Table.module.css";
import s from "./Map.module.css";

const values: Record<string, (e: Edge) => string | number | undefined> = {
  caller: (e) => e.from,
  callee: (e) => e.to,
  rate: (e) => e.calls.count,
  errors: (e) => errorShare(e.calls),
  p99: (e) => e.calls.p99,
};

/** The map as text: every connection in a row. */
export function EdgeTable({ graph, shown, onSelect }: { graph: Graph; shown: (e: Edge) => boolean; onSelect: (id: string) => void }) {
  const sort = readSort(place.value.params.get("sort"), Object.keys(values), "rate");
  const header = (column: string, text: string, number = true) => <SortHeader column={column} text={text} sort={sort} standard="rate" number={number} />;
  return (
    <div class={s.tablePanel}>
      <Panel flush>
        <div class={table.scroll}>
          <table class={table.table}>
            <thead>
              <tr>
                {header("caller", t.caller, false)}
                {header("callee", t.callee, false)}
                <th scope="col" class={`${table.head} ${s.how}`}>
                  {t.how}
                </th>
                {header("rate", t.rate)}
                {header("errors", t.errors)}
                {header("p99", t.p99)}
              </tr>
            </thead>
            <tbody>
              {sorted(graph.edges.filter(shown), sort, values[sort.by], (e) => e.id).map((e) => (
                <tr key={e.id}>
                  <td>
                    <button type="button" class={s.go} onClick={() => onSelect(e.from)}>
                      <NodeName graph={graph} id={e.from} />
                    </button>
                  </td>
                  <td>
                    <button type="button" class={s.go} onClick={() => onSelect(e.to)}>
                      <NodeName graph={graph} id={e.to} />
                    </button>
                  </td>
                  <td class={`${s.system} ${s.how}`}>{[t[e.connection], e.system].filter(Boolean).join(" · ")}</td>
                  <Figures calls={e.calls} />
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </div>
  );
}
