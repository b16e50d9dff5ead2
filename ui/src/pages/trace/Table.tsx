import { useMemo } from "preact/hooks";
import { readSort } from "../../calls/sort";
import { place, setParams } from "../../router";
import { Segments } from "../../ui/Button";
import { Empty } from "../../ui/State";
import type { Opened } from "./opened";
import s from "./Table.module.css";
import { TableGroups } from "./TableGroups";
import { TableList } from "./TableList";
import { t } from "./TableMessages";

const groupColumns = ["share", "service", "operation", "kind", "spans", "total", "self", "average", "longest", "errors"];
const rowColumns = ["start", "service", "operation", "kind", "duration", "self", "path", "status"];

/** The spans of a trace as a table: by operation, or one by one. What stands back elsewhere is left out here. */
export default function Table({ opened }: { opened: Opened }) {
  const trace = opened.trace.value;
  const skip = opened.dim.value;
  const params = place.value.params;
  const flat = params.get("rows") === "spans";
  const sort = readSort(params.get("sort"), flat ? rowColumns : groupColumns, flat ? "start" : "share");
  const shown = useMemo(() => (skip ? skip.reduce((n, x) => n + (x ? 0 : 1), 0) : trace.count), [trace, skip]);
  return (
    <div class={s.view}>
      <div class={s.tools}>
        <Segments
          value={flat ? "spans" : "operations"}
          options={[
            { value: "operations", text: t.byOperation },
            { value: "spans", text: t.allSpans },
          ]}
          onChange={(v) => setParams({ rows: v === "spans" ? v : null, sort: null })}
          label={t.what}
        />
        <p class={s.sum} role="status">
          {t.spansOf(shown, trace.count)}
          {skip && ` · ${t.filtered}`}
          {trace.hidden > 0 && ` · ${t.folded(trace.hidden)}`}
        </p>
      </div>
      {shown === 0 ? <Empty title={t.nothing} /> : flat ? <TableList opened={opened} skip={skip} sort={sort} /> : <TableGroups opened={opened} skip={skip} sort={sort} />}
    </div>
  );
}
