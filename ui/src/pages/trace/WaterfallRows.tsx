import { duration } from "../../format";
import { Flag, type Trace } from "../../trace/trace";
import { t } from "./messages";
import type { Opened } from "./opened";
import type { Sight } from "./Waterfall";
import { rowHeight, type Painter } from "./WaterfallPaint";
import { clean } from "./WaterfallTexts";
import s from "./Waterfall.module.css";

export function rowId(row: number): string {
  return `row-${row}`;
}

/** What a row says, in words. */
export function rowLabel(trace: Trace, row: number, closed: boolean): string {
  const below = trace.size[row] - 1;
  const errors = trace.errors[trace.end[row]] - trace.errors[row + 1];
  return [
    t.row(clean(trace.serviceOf(row)) || t.noService, clean(trace.nameOf(row)) || t.noName, duration(trace.duration[row]), duration(trace.start[row])),
    trace.is(row, Flag.error) && t.rowError,
    trace.path.has(row) && t.rowCritical,
    trace.is(row, Flag.orphan) && t.rowOrphan,
    trace.is(row, Flag.clock) && t.rowClock,
    below > 0 && t.rowBelow(below),
    closed && errors > 0 && t.rowErrorsBelow(errors),
    trace.missing[row] > 0 && t.rowHidden(trace.missing[row]),
  ]
    .filter(Boolean)
    .join(", ");
}

/**
 * The rows in sight as elements that nobody sees, over what the canvas shows of them: screen readers read them, tests find them.
 * They follow when the scrolling has come to rest.
 */
export function Rows({ opened, sight, painter }: { opened: Opened; sight: Sight; painter: () => Painter | undefined }) {
  const trace = opened.trace.value;
  const selected = opened.selected.value;
  opened.folds.value;
  const { tree } = opened;
  const p = painter();
  const top = p?.layout.top ?? 0;
  const positions: number[] = [];
  for (let i = sight.first; i < Math.min(sight.last, tree.count); i++) positions.push(i);
  // The row that has the focus is always there, in sight or not.
  const at = selected >= 0 ? tree.position(selected) : -1;
  if (at >= 0 && (at < sight.first || at >= sight.last)) positions.push(at);
  return (
    <div class={s.rows}>
      {positions.map((i, slot) => {
        const row = tree.visible[i];
        const k = p ? 2 * (i - p.first) : -1;
        const stub = p && k >= 0 && p.stubs[k + 1] > 0;
        const opens = trace.hasChildren(row);
        return (
          <div
            key={slot} // elements are used again when rows move on
            id={rowId(row)}
            class={s.row}
            style={{ transform: `translateY(${i * rowHeight - top}px)` }}
            role="treeitem"
            aria-level={trace.depth[row] + 1}
            aria-expanded={opens ? !tree.closed[row] && tree.opens(row) : undefined}
            aria-selected={row === selected}
            aria-label={rowLabel(trace, row, tree.closed[row] === 1)}
          >
            {stub && (
              <button
                type="button"
                tabIndex={-1}
                class={s.stub}
                style={{ transform: `translateX(${p.stubs[k]}px)`, width: `${p.stubs[k + 1] - p.stubs[k]}px` }}
                aria-label={t.unfold(trace.missing[row], clean(trace.nameOf(row)) || t.noName)}
              />
            )}
          </div>
        );
      })}
    </div>
  );
}
