import { useEffect, useRef, useState } from "preact/hooks";
import type { Hit, Span } from "../../api/types";
import { count, duration } from "../../format";
import { range } from "../../range";
import { setParams, url } from "../../router";
import { Button, Segments } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Empty, Partial, ProblemBox } from "../../ui/State";
import { t } from "./messages";
import { NothingFound } from "./NothingFound";
import type { Shown } from "./place";
import s from "./Results.module.css";
import { SpanTable } from "./SpanTable";
import { TraceTable } from "./TraceTable";
import { useResults } from "./useResults";

/** The traces or spans that were found, page by page, and new ones as they arrive. */
export function ResultsPanel({ now }: { now: Shown }) {
  const box = useRef<HTMLDivElement>(null);
  const [picked, setPicked] = useState<readonly string[]>([]);
  const { from, to } = range.value;
  // Nothing moves under the pointer, the focus or the eyes of somebody who reads further down.
  const busy = () => {
    const el = box.current;
    return !!el && (el.matches(":hover") || el.contains(document.activeElement) || el.getBoundingClientRect().top < 0);
  };
  const r = useResults({ q: now.q, from, to, by: now.by, order: now.order }, busy);
  const show = () => {
    r.show();
    // When they are there, at the first of them: the browser keeps in view what was.
    if ((box.current?.getBoundingClientRect().top ?? 0) < 0) requestAnimationFrame(() => box.current?.scrollIntoView({ block: "start" }));
  };
  const clock = useClock(10_000);
  const pick = (id: string) => setPicked((p) => (p.includes(id) ? p.filter((x) => x !== id) : [...p.slice(-1), id]));
  const slowest = Math.max(1, ...(r.rows ?? []).map((x) => x.durationNanos));
  const rows = r.error?.parameter === "q" ? undefined : r.rows;
  const empty = r.rows?.length === 0;
  return (
    <div class={s.results}>
      <div class={s.arrived} role="status">
        {r.waiting > 0 && (
          <Button icon="up" look="primary" onClick={show}>
            {t.arrived(r.waiting)}
          </Button>
        )}
      </div>
      <Panel
        flush
        title={t.results}
        loading={r.loading}
        aside={
          <>
            {picked.length > 0 && <Picked ids={picked} drop={() => setPicked([])} />}
            {r.answer && picked.length === 0 && <span class={s.read}>{t.read(count(r.answer.scannedSpans), duration(r.answer.elapsedNanos))}</span>}
            <Segments
              label={t.shownAs}
              value={now.by}
              onChange={(by) => setParams({ by: by === "spans" ? by : null })}
              options={[
                { value: "traces", text: t.traces },
                { value: "spans", text: t.spans },
              ]}
            />
            <Segments
              label={t.order}
              value={now.order}
              onChange={(order) => setParams({ order: order === "slowest" ? order : null })}
              options={[
                { value: "newest", text: t.newest },
                { value: "slowest", text: t.slowest },
              ]}
            />
          </>
        }
      >
        {r.error &&
          (r.error.parameter === "q" ? (
            <Empty title={t.badQuery}>{t.badQueryHint}</Empty>
          ) : (
            <div class={s.message}>
              <ProblemBox problem={r.error} retry={r.reload} />
            </div>
          ))}
        {r.answer?.partial && (
          <div class={s.message}>
            <Partial why={r.answer.why} />
          </div>
        )}
        <div ref={box} class={s.scroll}>
          {rows && !empty && r.of.by === "traces" && <TraceTable rows={r.rows as Hit[]} q={r.of.q} slowest={slowest} now={clock} picked={picked} onPick={pick} />}
          {rows && !empty && r.of.by === "spans" && <SpanTable rows={r.rows as Span[]} slowest={slowest} now={clock} />}
          {!r.rows && !r.error && <Waiting />}
        </div>
        {empty && !r.error && <NothingFound q={r.of.q} />}
        {rows && !empty && (
          <div class={s.more}>
            {r.cursor ? (
              <Button onClick={r.more} disabled={r.loadingMore}>
                {t.more}
              </Button>
            ) : (
              <span class={s.end}>{t.end}</span>
            )}
          </div>
        )}
      </Panel>
    </div>
  );
}

function Picked({ ids, drop }: { ids: readonly string[]; drop: () => void }) {
  return (
    <span class={s.picked} role="status">
      {ids.length === 2 ? (
        <a class={s.compare} href={url("compare", { a: ids[0], b: ids[1] })}>
          {t.compare}
        </a>
      ) : (
        t.pickAnother
      )}
      <Button look="quiet" icon="close" label={t.pickNone} onClick={drop} />
    </span>
  );
}

/** Keeps the place of the rows that are on their way. */
function Waiting() {
  return (
    <div class={s.waiting} aria-hidden="true">
      {Array.from({ length: 8 }, (_, n) => (
        <div key={n} class={s.ghost} style={{ width: `${70 - ((n * 13) % 40)}%` }} />
      ))}
    </div>
  );
}

/** The time now, again every some milliseconds, for how long ago something was. */
function useClock(every: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return Math.max(now, Date.now() - every);
}
