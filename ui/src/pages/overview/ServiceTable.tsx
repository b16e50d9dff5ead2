import { useState } from "preact/hooks";
import { ErrorSpark } from "../../calls/ErrorSpark";
import { serviceURL } from "../../calls/links";
import { Marks, tone } from "../../calls/Marks";
import { t as calls } from "../../calls/messages";
import { readSort, sorted } from "../../calls/sort";
import { SortHeader } from "../../calls/SortHeader";
import { duration, percent, rate } from "../../format";
import { place } from "../../router";
import { Button } from "../../ui/Button";
import { Service } from "../../ui/Service";
import { Spark } from "../../ui/Spark";
import { t } from "./messages";
import type { Row } from "./rows";
import table from "../../calls/Table.module.css";
import s from "./ServiceTable.module.css";

const standard = "rate";
const atFirst = 150;

const values: Record<string, (r: Row) => string | number | null | undefined> = {
  name: (r) => r.name,
  rate: (r) => r.now.count,
  errors: (r) => (r.now.count ? r.now.errors / r.now.count : null),
  p50: (r) => r.now.p50,
  p99: (r) => r.now.p99,
  change: (r) => r.changes[0]?.weight,
};

/** All services, a row each. */
export function ServiceTable({ rows }: { rows: readonly Row[] }) {
  const sort = readSort(place.value.params.get("sort"), Object.keys(values), standard);
  const header = (column: string, text: string, title: string, number = true, c?: string) => <SortHeader column={column} text={text} title={title} sort={sort} standard={standard} number={number} class={c} />;
  const [all, setAll] = useState(false);
  const list = sorted(rows, sort, values[sort.by], (r) => r.name);
  const shown = all ? list : list.slice(0, atFirst);
  return (
    <div class={table.scroll}>
      <table class={[table.table, s.table].join(" ")}>
        <colgroup>
          <col />
          <col class={s.number} />
          <col class={s.picture} />
          <col class={s.number} />
          <col class={s.picture} />
          <col class={s.p50} />
          <col class={s.number} />
          <col class={s.picture} />
          <col class={s.marks} />
        </colgroup>
        <thead>
          <tr>
            {header("name", t.service, t.service, false)}
            {header("rate", t.rate, t.rateTitle)}
            <td class={s.spark} />
            {header("errors", t.errors, t.errorsTitle)}
            <td class={s.spark} />
            {header("p50", t.p50, t.p50Title, true, s.p50)}
            {header("p99", t.p99, t.p99Title)}
            <td class={s.spark} />
            {header("change", t.change, t.changeTitle, false, s.change)}
          </tr>
        </thead>
        <tbody>
          {shown.map((r) => (
            <ServiceRow key={r.name} row={r} />
          ))}
        </tbody>
      </table>
      {shown.length < list.length && (
        <Button look="quiet" icon="down" class={s.more} onClick={() => setAll(true)}>
          {t.moreServices(list.length - shown.length)}
        </Button>
      )}
    </div>
  );
}

function ServiceRow({ row: r }: { row: Row }) {
  const share = r.now.count ? r.now.errors / r.now.count : 0;
  const quiet = r.now.count === 0;
  const slower = r.changes.some((c) => tone(c) === "slow");
  return (
    <tr class={quiet ? table.quiet : undefined}>
      <th scope="row">
        <span class={s.inner}>
          <a class={table.link} href={serviceURL(r.name)}>
            <Service name={r.name} />
          </a>
          {!r.requests && <span class={s.of}>{t.ofSpans}</span>}
        </span>
      </th>
      <td class="num">{rate(r.now.rate)}</td>
      <td class={s.spark}>
        <Spark values={r.over.rate} label={calls.rateOverTime} color="--text-3" width={90} />
      </td>
      <td class={["num", share > 0 ? table.failing : table.quiet].join(" ")}>{quiet ? "–" : percent(share)}</td>
      <td class={s.spark}>
        <ErrorSpark values={r.over.share} label={calls.errorsOverTime} />
      </td>
      <td class={["num", s.p50].join(" ")}>{duration(r.now.p50)}</td>
      <td class="num">{duration(r.now.p99)}</td>
      <td class={s.spark}>
        <Spark values={r.over.p99} label={calls.latencyOverTime} color={slower ? "--slow-fill" : "--text-3"} width={90} />
      </td>
      <td class={s.change}>
        <Marks changes={r.changes} />
      </td>
    </tr>
  );
}
