import { useMemo, useState } from "preact/hooks";
import { get, useLoad } from "../../api/client";
import type { Aggregate } from "../../api/types";
import { Marks } from "../../calls/Marks";
import { SortHeader } from "../../calls/SortHeader";
import { readSort, sorted } from "../../calls/sort";
import { serviceURL } from "../../calls/links";
import { count, duration, percent, rate, time } from "../../format";
import { bounds, range } from "../../range";
import { place, setParams } from "../../router";
import { distinguish } from "../../theme/service";
import { Button, Segments } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { QueryInput } from "../../ui/QueryInput";
import { kindName } from "../../kinds";
import { Service } from "../../ui/Service";
import { Empty, Partial, ProblemBox } from "../../ui/State";
import { Attributes } from "./Attributes";
import { t } from "./messages";
import { rows, weight, type Row } from "./windows";
import table from "../../calls/Table.module.css";
import s from "./Compare.module.css";

const day = 86400e3;
const first = 20; // rows, so that what follows is in sight
const columns = ["change", "operation", "rate", "errors", "p50", "p99"];

/** The time range of the page against an earlier one of the same length, operation by operation and attribute by attribute. */
export function Times() {
  const { params } = place.value;
  const q = params.get("q") ?? "";
  const base = params.get("base") ?? "previous";
  const r = range.value;
  const sort = readSort(params.get("sort"), columns, "change");

  const { data, error, loading, reload } = useLoad(
    async (signal) => {
      const now = bounds(r);
      const width = now.to - now.from;
      const back = base === "day" ? day : base === "week" ? 7 * day : width;
      const then = { from: now.from - back, to: now.to - back };
      const ask = (w: { from: number; to: number }) => get<Aggregate>("/aggregate", { q, from: Math.round(w.from), to: Math.round(w.to), by: "service,name,kind", step: `${Math.ceil(width / 1000)}s`, limit: 1000, budget: "1s" }, signal);
      const [a, b] = await Promise.all([ask(then), ask(now)]);
      return { then, now, before: a, after: b, rows: rows(a, b, width / 1000) };
    },
    [q, base, r.from, r.to],
  );
  const [all, setAll] = useState(false);
  useMemo(() => data && distinguish([...new Set(data.rows.map((row) => row.service))].sort()), [data]);
  const list = useMemo(() => data && sorted(data.rows, sort, value(sort.by), (row) => row.service + row.name), [data, sort.by, sort.reversed]);

  return (
    <>
      <div class={s.bar}>
        <QueryInput label={t.query} placeholder={t.placeholder} value={q} main onQuery={(text, how) => setParams({ q: text || null }, { replace: how === "live" })} />
        <span class={s.muted}>{t.against}</span>
        <Segments
          label={t.base}
          value={base}
          onChange={(v) => setParams({ base: v === "previous" ? null : v })}
          options={[
            { value: "previous", text: t.previous },
            { value: "day", text: t.day },
            { value: "week", text: t.week },
          ]}
        />
      </div>
      {error && <ProblemBox problem={error} retry={reload} />}
      <Panel
        flush
        loading={loading}
        title={t.operations}
        aside={
          data && (
            <span class={s.caption}>
              <span class={s.keyA} /> {t.beforeCaption(time(data.then.from), time(data.then.to))} <span class={s.keyB} /> {t.nowCaption(time(data.now.from), time(data.now.to))}
            </span>
          )
        }
      >
        {data && data.rows.length === 0 && (
          <Empty title={t.noSpans}>
            <p>{t.noSpansHint}</p>
          </Empty>
        )}
        {data && data.rows.length > 0 && data.before.groups.length === 0 && <p class={s.note}>{t.noBase}</p>}
        {list && list.length > 0 && (
          <div class={table.scroll}>
            <table class={table.table}>
              <thead>
                <tr>
                  <SortHeader column="operation" text={t.operation} sort={sort} standard="change" number={false} />
                  <SortHeader column="change" text={t.changed} sort={sort} standard="change" />
                  <SortHeader column="rate" text={t.rate} sort={sort} standard="change" />
                  <SortHeader column="errors" text={t.errors} sort={sort} standard="change" />
                  <SortHeader column="p50" text={t.p50} sort={sort} standard="change" />
                  <SortHeader column="p99" text={t.p99} sort={sort} standard="change" />
                </tr>
              </thead>
              <tbody>
                {list.slice(0, all ? 1000 : first).map((row) => (
                  <OperationRow key={row.key} row={row} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        {list && !all && list.length > first && (
          <Button look="quiet" icon="down" class={s.all} onClick={() => setAll(true)}>
            {t.showAll(count(list.length))}
          </Button>
        )}
        {data?.after.other && <p class={s.note}>{t.other(count(data.after.other.total.count))}</p>}
        {data && (data.after.partial || data.before.partial) && (
          <div class={s.note}>
            <Partial why={data.after.why ?? data.before.why} />
          </div>
        )}
      </Panel>
      {data && data.rows.length > 0 && data.before.groups.length > 0 && <Attributes q={q} then={data.then} now={data.now} />}
    </>
  );
}

function value(by: string): (r: Row) => string | number | null | undefined {
  switch (by) {
    case "operation":
      return (r) => `${r.service} ${r.name}`;
    case "rate":
      return (r) => r.now.count;
    case "errors":
      return (r) => share(r.now) ?? -1;
    case "p50":
      return (r) => r.now.p50;
    case "p99":
      return (r) => r.now.p99;
    default:
      return (r) => weight(r) + (r.now.count + r.before.count) / 1e12;
  }
}

function share(c: { count: number; errors: number }): number | undefined {
  return c.count > 0 ? c.errors / c.count : undefined;
}

function OperationRow({ row: r }: { row: Row }) {
  const errors = (c: { count: number; errors: number }) => (c.count > 0 ? percent(c.errors / c.count) : "–");
  const failing = r.now.errors > 0;
  return (
    <tr>
      <td>
        <a class={s.operation} href={serviceURL(r.service, r.name, r.kind)}>
          <Service name={r.service} />
          <bdi class={s.name}>{r.name}</bdi>
          <span class={s.kind}>{kindName(r.kind)}</span>
        </a>
      </td>
      <td class="num">
        <Marks changes={r.changes} />
      </td>
      <Pair before={rate(r.before.count ? r.before.rate : 0)} now={rate(r.now.count ? r.now.rate : 0)} />
      <Pair before={errors(r.before)} now={errors(r.now)} class={failing ? s.red : undefined} />
      <Pair before={duration(r.before.p50)} now={duration(r.now.p50)} />
      <Pair before={duration(r.before.p99)} now={duration(r.now.p99)} />
    </tr>
  );
}

function Pair({ before, now, class: c }: { before: string; now: string; class?: string }) {
  return (
    <td class="num">
      <span class={c}>
        <span class="hidden-text">{t.now} </span>
        {now}
      </span>
      <span class={s.before}>
        <span class="hidden-text">{t.then} </span>
        {before}
      </span>
    </td>
  );
}
