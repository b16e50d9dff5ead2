import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Sort } from "../../calls/sort";
import { duration, exactDuration } from "../../format";
import { kindName } from "../../kinds";
import { Flag, kinds, type Trace } from "../../trace/trace";
import { Icon } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import type { Opened } from "./opened";
import s from "./Table.module.css";
import { Header } from "./TableHeader";
import { t } from "./TableMessages";
import { sortRows, type RowColumn } from "./TableRows";
import { clean } from "./WaterfallTexts";

const rowHeight = 28;
const headHeight = 33;
const chunk = 16; // rows come and go by that many, so that not every step of the scrolling changes the document
const mostRows = 500_000; // browsers lay out no more than some 17 million pixels

/** All spans one by one, sorted; only those in sight are in the document. */
export function TableList({ opened, skip, sort }: { opened: Opened; skip: Uint8Array | undefined; sort: Sort }) {
  const trace = opened.trace.value;
  const rows = useMemo(() => sortRows(trace, skip, sort.by as RowColumn, sort.reversed).subarray(0, mostRows), [trace, skip, sort.by, sort.reversed]);
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ first: 0, last: 40 });
  const selected = opened.selected.value;

  const measure = (el: HTMLElement) => {
    const first = Math.max(0, Math.floor(el.scrollTop / rowHeight / chunk) - 1) * chunk;
    const last = (Math.ceil((el.scrollTop + el.clientHeight) / rowHeight / chunk) + 1) * chunk;
    setView((v) => (v.first === first && v.last === last ? v : { first, last }));
  };

  useEffect(() => {
    const el = scroller.current!;
    const observer = new ResizeObserver(() => measure(el));
    observer.observe(el);
    return () => observer.disconnect();
  }, []);

  const toRow = (index: number) => {
    const el = scroller.current!;
    const y = index * rowHeight;
    if (y < el.scrollTop) el.scrollTop = y;
    else if (y + rowHeight + headHeight > el.scrollTop + el.clientHeight) el.scrollTop = y + rowHeight + headHeight - el.clientHeight;
  };

  // What was selected elsewhere, by the search for one, comes into sight.
  const sights = opened.sights.value;
  useEffect(() => {
    const index = selected >= 0 ? rows.indexOf(selected) : -1;
    if (index >= 0) toRow(index);
  }, [sights, rows]);

  const onKeyDown = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || rows.length === 0) return;
    const at = rows.indexOf(selected);
    const page = Math.max(1, Math.floor((scroller.current!.clientHeight - headHeight) / rowHeight) - 1);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: rows.length - 1 };
    if (!Object.hasOwn(steps, e.key)) return;
    const to = Math.min(rows.length - 1, Math.max(0, steps[e.key]));
    opened.select(rows[to]);
    toRow(to);
    scroller.current!.focus({ preventScroll: true });
    e.preventDefault();
    e.stopPropagation();
  };

  const first = Math.min(rows.length, view.first);
  const last = Math.min(rows.length, view.last);
  const header = (column: string, text: string, number: boolean, title?: string) => <Header column={column} text={text} title={title} sort={sort} standard="start" number={number} />;
  return (
    <div
      ref={scroller}
      class={s.scroller}
      tabIndex={0}
      role="group"
      aria-label={t.allSpans}
      onScroll={(e) => measure(e.currentTarget)}
      onKeyDown={onKeyDown}
    >
      <table class={`${s.table} ${s.fixed}`} aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {header("start", t.start, true, t.startHelp)}
            {header("service", t.service, false)}
            {header("operation", t.operation, false)}
            {header("kind", t.kind, false)}
            {header("status", t.status, false)}
            {header("duration", t.duration, true)}
            {header("self", t.self, true, t.selfHelp)}
            {header("path", t.path, true, t.pathHelp)}
          </tr>
        </thead>
        <tbody>
          {first > 0 && (
            <tr aria-hidden="true" style={{ height: `${first * rowHeight}px` }}>
              <td colSpan={8} />
            </tr>
          )}
          {Array.from(rows.subarray(first, last), (row, i) => (
            <Line key={row} opened={opened} trace={trace} row={row} index={first + i} selected={row === selected} />
          ))}
          {last < rows.length && (
            <tr aria-hidden="true" style={{ height: `${(rows.length - last) * rowHeight}px` }}>
              <td colSpan={8} />
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

function Line({ opened, trace, row, index, selected }: { opened: Opened; trace: Trace; row: number; index: number; selected: boolean }) {
  const path = trace.path.time(row);
  const name = clean(trace.nameOf(row).slice(0, 300)) || t.noName;
  return (
    <tr class={s.line} aria-rowindex={index + 2} aria-current={selected || undefined} onClick={() => opened.select(row, { details: true })}>
      <td class="num" title={exactDuration(trace.start[row])}>
        {duration(trace.start[row])}
      </td>
      <td>
        <Service name={trace.serviceOf(row) || t.noService} />
      </td>
      <th scope="row">
        <button
          type="button"
          class={s.name}
          tabIndex={-1}
          title={name}
          onClick={(e) => {
            e.stopPropagation();
            opened.select(row, { details: true });
          }}
        >
          <bdi>{name}</bdi>
        </button>
      </th>
      <td class={s.quiet}>{kindName(kinds[trace.kind[row]] ?? "unspecified")}</td>
      <td>
        {trace.is(row, Flag.error) ? (
          <span class={s.status}>
            <Icon name="warning" size={12} />
            {t.error}
          </span>
        ) : (
          <span class={s.quiet}>{trace.is(row, Flag.ok) ? t.ok : "–"}</span>
        )}
      </td>
      <td class="num" title={exactDuration(trace.duration[row])}>
        {duration(trace.duration[row])}
      </td>
      <td class="num">{duration(trace.self[row])}</td>
      <td class={path > 0 ? `num ${s.slow}` : `num ${s.quiet}`}>{path > 0 ? duration(path) : "–"}</td>
    </tr>
  );
}
