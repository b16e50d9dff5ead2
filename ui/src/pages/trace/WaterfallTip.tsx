import { duration } from "../../format";
import { Service } from "../../ui/Service";
import { Flag } from "../../trace/trace";
import { t } from "./messages";
import type { Opened } from "./opened";
import { rowHeight } from "./WaterfallPaint";
import type { Pointer } from "./WaterfallPointer";
import s from "./Waterfall.module.css";

/** What a row is, in full, beside the pointer that rests on it. */
export function Tip({ opened, pointer }: { opened: Opened; pointer: Pointer }) {
  const rest = pointer.rest.value;
  const trace = opened.trace.value;
  if (!rest || rest.row >= trace.count) return null;
  const { row, x, y } = rest;
  const { width, height } = pointer.painter().layout;
  const above = y > height - 130;
  const critical = trace.path.time(row);
  return (
    <div
      class={s.tip}
      style={{
        left: `${Math.max(8, Math.min(x + 14, width - 340))}px`,
        top: above ? undefined : `${y + rowHeight + 4}px`,
        bottom: above ? `${height - y + 4}px` : undefined,
      }}
      aria-hidden="true"
    >
      <Service name={trace.serviceOf(row)} />
      <bdi class={s.tipName}>{trace.nameOf(row).slice(0, 300) || t.noName}</bdi>
      <span class={s.tipFacts}>
        <strong>{duration(trace.duration[row])}</strong>
        <span>
          {t.self} {duration(trace.self[row])}
        </span>
        <span>
          {t.at} {duration(trace.start[row])}
        </span>
        {critical > 0 && (
          <span>
            {t.waited} {duration(critical)}
          </span>
        )}
      </span>
      {trace.is(row, Flag.orphan) && <span class={s.tipNote}>{t.rowOrphan}</span>}
      {trace.is(row, Flag.clock) && <span class={s.tipNote}>{t.rowClock}</span>}
    </div>
  );
}
