import { useMemo, useState } from "preact/hooks";
import type { Sort } from "../../calls/sort";
import { count, duration, exactDuration, percent } from "../../format";
import { and, condition } from "../../query";
import { kindName } from "../../kinds";
import { Flag, kinds, type Trace } from "../../trace/trace";
import { Icon } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import { findIn } from "./AttributesFind";
import type { Opened } from "./opened";
import s from "./Table.module.css";
import { Header } from "./TableHeader";
import { t } from "./TableMessages";
import { groups, sortGroups, type Group, type GroupColumn } from "./TableRows";
import { clean } from "./WaterfallTexts";

const firstGroups = 300;
const firstSpans = 20;

/** Operations with what they cost in all; each opens to its longest spans. */
export function TableGroups({ opened, skip, sort }: { opened: Opened; skip: Uint8Array | undefined; sort: Sort }) {
  const trace = opened.trace.value;
  const list = useMemo(() => groups(trace, skip), [trace, skip]);
  const sorted = useMemo(() => sortGroups(trace, list, sort.by as GroupColumn, sort.reversed), [list, sort.by, sort.reversed]);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const key = (g: Group) => `${trace.service[g.row]} ${trace.name[g.row]} ${trace.kind[g.row]}`;
  const toggle = (k: string) => {
    const next = new Set(open);
    if (!next.delete(k)) next.add(k);
    setOpen(next);
  };
  const header = (column: string, text: string, number: boolean, title?: string) => <Header column={column} text={text} title={title} sort={sort} standard="share" number={number} />;
  return (
    <div class={s.scroller}>
      <table class={s.table}>
        <caption class="hidden-text">{t.operations(list.length)}</caption>
        <thead>
          <tr>
            {header("service", t.service, false)}
            {header("operation", t.operation, false)}
            {header("kind", t.kind, false)}
            {header("share", t.share, true, t.shareHelp)}
            {header("spans", t.spans, true)}
            {header("errors", t.errors, true)}
            {header("total", t.total, true, t.totalHelp)}
            {header("average", t.average, true)}
            {header("longest", t.longest, true)}
            {header("self", t.self, true, t.selfHelp)}
          </tr>
        </thead>
        {sorted.slice(0, all ? undefined : firstGroups).map((g) => (
          <Operation key={key(g)} opened={opened} trace={trace} group={g} open={open.has(key(g))} onToggle={() => toggle(key(g))} />
        ))}
      </table>
      {sorted.length > firstGroups && !all && (
        <button type="button" class={s.more} onClick={() => setAll(true)}>
          {t.operations(sorted.length)}…
        </button>
      )}
    </div>
  );
}

function Operation({ opened, trace, group: g, open, onToggle }: { opened: Opened; trace: Trace; group: Group; open: boolean; onToggle: () => void }) {
  const name = clean(trace.nameOf(g.row).slice(0, 500)) || t.noName;
  const selected = opened.selected.value;
  const holds = selected >= 0 && trace.service[selected] === trace.service[g.row] && trace.name[selected] === trace.name[g.row] && trace.kind[selected] === trace.kind[g.row];
  const longest = open ? g.rows.slice().sort((a, b) => trace.duration[b] - trace.duration[a] || a - b).slice(0, firstSpans) : [];
  return (
    <tbody>
      <tr class={s.group} data-selected={holds || undefined}>
        <td class={s.serviceCell}>
          <Service name={trace.serviceOf(g.row) || t.noService} />
        </td>
        <th scope="row">
          <button type="button" class={s.name} aria-expanded={open} onClick={onToggle} title={name.slice(0, 300)}>
            <Icon name={open ? "down" : "right"} size={12} />
            <bdi>{name}</bdi>
          </button>
        </th>
        <td class={`${s.quiet} ${s.kindCell}`}>{kindName(kinds[trace.kind[g.row]] ?? "unspecified")}</td>
        <td class={`num ${s.shareCell}`}>
          <span class={s.shareBar} style={{ width: `calc((100% - 72px) * ${g.share.toFixed(4)})` }} />
          <span class={s.shareText}>{percent(g.share)}</span>
        </td>
        <td class="num">{count(g.rows.length)}</td>
        <td class={g.errors ? `num ${s.failing}` : `num ${s.quiet}`}>{g.errors ? count(g.errors) : "0"}</td>
        <td class="num" title={exactDuration(g.total)}>
          {duration(g.total)}
        </td>
        <td class={`num ${s.averageCell}`}>{duration(g.total / g.rows.length)}</td>
        <td class="num">{duration(trace.duration[g.row])}</td>
        <td class="num" title={exactDuration(Math.round(g.self))}>
          {duration(g.self)}
        </td>
      </tr>
      {longest.map((r) => (
        <tr key={r} class={s.inner} aria-current={r === selected || undefined}>
          <td />
          <td>
            <button type="button" class={s.name} onClick={() => opened.select(r, { details: true })}>
              {trace.is(r, Flag.error) && <Icon name="warning" size={12} label={t.error} />}
              <code>{trace.spanId(r)}</code>
            </button>
          </td>
          <td class={s.kindCell} />
          <td class={`num ${s.quiet}`} title={t.startHelp}>
            {trace.start[r] > 0 ? `+${duration(trace.start[r])}` : duration(0)}
          </td>
          <td colSpan={3} />
          <td class={s.averageCell} />
          <td class="num">{duration(trace.duration[r])}</td>
          <td class="num">{duration(trace.self[r])}</td>
        </tr>
      ))}
      {open && g.rows.length > firstSpans && trace.nameOf(g.row).length < 500 && (
        <tr class={s.inner}>
          <td />
          <td colSpan={9}>
            <button type="button" class={s.all} onClick={() => findIn(opened, findOf(trace, g.row), { rows: "spans", sort: "duration" })}>
              {t.more(g.rows.length)}
            </button>
          </td>
        </tr>
      )}
    </tbody>
  );
}

function findOf(trace: Trace, row: number): string {
  return and(condition("service", "=", trace.serviceOf(row)), condition("name", "=", trace.nameOf(row)), condition("kind", "=", kinds[trace.kind[row]] ?? "unspecified"));
}
