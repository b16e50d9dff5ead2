import { errorShare, type Edge, type Graph } from "./graph";
import { useState } from "preact/hooks";
import { Panel } from "../../ui/Panel";
import { Figures, NodeName } from "./Side";
import { t } from "./messages";
import s from "./Map.module.css";

const orders: Record<string, (e: Edge) => number> = {
  rate: (e) => e.calls.count,
  errors: (e) => errorShare(e.calls),
  p99: (e) => e.calls.p99 ?? 0,
};

/** The map as text: every connection in a row. */
export function EdgeTable({ graph, shown, onSelect }: { graph: Graph; shown: (e: Edge) => boolean; onSelect: (id: string) => void }) {
  const [by, setBy] = useState("rate");
  const edges = graph.edges.filter(shown).sort((a, b) => orders[by](b) - orders[by](a));
  const header = (key: string, text: string) => (
    <th scope="col" class="num" aria-sort={by === key ? "descending" : "none"}>
      <button type="button" class={s.sort} onClick={() => setBy(key)}>
        {text}
        {by === key ? " ↓" : ""}
      </button>
    </th>
  );
  return (
    <Panel flush class={s.tablePanel}>
      <table class={s.table}>
        <thead>
          <tr>
            <th scope="col">{t.caller}</th>
            <th scope="col">{t.callee}</th>
            <th scope="col">{t.how}</th>
            {header("rate", t.rate)}
            {header("errors", t.errors)}
            {header("p99", t.p99)}
          </tr>
        </thead>
        <tbody>
          {edges.map((e) => (
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
              <td class={s.system}>{[t[e.connection], e.system].filter(Boolean).join(" · ")}</td>
              <Figures calls={e.calls} />
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
