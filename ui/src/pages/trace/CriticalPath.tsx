import { useMemo, useState } from "preact/hooks";
import { duration, exactDuration, percent } from "../../format";
import { serviceColor } from "../../theme/service";
import type { Trace } from "../../trace/trace";
import { Segments } from "../../ui/Button";
import { Service } from "../../ui/Service";
import { visible } from "./AttributesValue";
import s from "./CriticalPath.module.css";
import { t } from "./DetailsMessages";
import type { Opened } from "./opened";

interface Step {
  row: number; // -1: nothing was running
  time: number;
  from: number;
  idle: boolean;
}

/** How much of the path each span has, the most first; and the path piece by piece. */
export function contributors(trace: Trace): { bySpan: Step[]; inOrder: Step[] } {
  const { path } = trace;
  const sums = new Map<number, Step>();
  const inOrder: Step[] = [];
  for (let i = 0; i < path.count; i++) {
    const row = path.row[i];
    const idle = path.idle[i] === 1;
    const time = path.until[i] - path.from[i];
    const last = inOrder.at(-1);
    if (last && last.row === row && last.idle === idle) last.time += time;
    else inOrder.push({ row, time, from: path.from[i], idle });
    // A row's waiting is not its work: they are two things to make faster.
    const key = row * 2 + (idle ? 1 : 0);
    const sum = sums.get(key);
    if (sum) sum.time += time;
    else sums.set(key, { row, time, from: path.from[i], idle });
  }
  return { bySpan: [...sums.values()].sort((a, b) => b.time - a.time), inOrder };
}

const firstSteps = 30;

/** What the trace's end waited for: which spans, how long, with what share. */
export function CriticalPath({ opened }: { opened: Opened }) {
  const trace = opened.trace.value;
  const [ordered, setOrdered] = useState(false);
  const [most, setMost] = useState(firstSteps);
  const { bySpan, inOrder } = useMemo(() => contributors(trace), [trace]);
  const whole = trace.summary.durationNanos;
  if (whole === 0 || bySpan.length === 0) return <p class={s.none}>{t.noPath}</p>;
  const list = ordered ? inOrder : bySpan;
  const longest = bySpan[0].time;
  return (
    <div class={s.path}>
      <p class={s.help}>{t.pathHelp}</p>
      <div class={s.strip} role="presentation">
        {inOrder.slice(0, 400).map((p, i) => (
          <span key={i} class={p.row < 0 || p.idle ? s.gap : undefined} style={{ left: `${(p.from / whole) * 100}%`, width: `${(p.time / whole) * 100}%`, background: p.row < 0 || p.idle ? undefined : serviceColor(trace.serviceOf(p.row)) }} />
        ))}
      </div>
      <div class={s.tools}>
        <Segments
          value={ordered ? "order" : "span"}
          options={[
            { value: "span", text: t.pathBySpan },
            { value: "order", text: t.pathInOrder },
          ]}
          onChange={(v) => setOrdered(v === "order")}
          label={t.pathBy}
        />
        <span class={s.count}>{t.steps(list.length)}</span>
      </div>
      <ol>
        {list.slice(0, most).map((p, i) => (
          <li key={i}>
            <Entry trace={trace} step={p} whole={whole} longest={longest} selected={opened.selected.value === p.row} onSelect={() => opened.select(p.row, { details: true })} />
          </li>
        ))}
      </ol>
      {list.length > most && (
        <button type="button" class={s.more} onClick={() => setMost(most === firstSteps ? 300 : most * 4)}>
          {t.showAll(list.length)}
        </button>
      )}
    </div>
  );
}

function Entry({ trace, step, whole, longest, selected, onSelect }: { trace: Trace; step: Step; whole: number; longest: number; selected: boolean; onSelect: () => void }) {
  const { row, time, idle } = step;
  const amounts = (
    <span class={s.amounts}>
      <span title={exactDuration(time)}>{duration(time)}</span>
      <span class={s.share}>{percent(time / whole)}</span>
    </span>
  );
  const bar = <span class={s.bar} style={{ width: `calc((100% - 32px) * ${(time / longest).toFixed(4)})` }} />;
  if (row < 0)
    return (
      <div class={s.entry}>
        {bar}
        <span class={s.nothing}>{t.pathNothing}</span>
        {amounts}
      </div>
    );
  return (
    <button type="button" class={s.entry} aria-current={selected || undefined} onClick={onSelect}>
      {bar}
      <span class={s.who}>
        <Service name={trace.serviceOf(row) || t.noService} />
        <bdi class={s.name}>{visible(trace.nameOf(row).slice(0, 200)) || t.noName}</bdi>
        {idle && <span class={s.nothing}>{t.pathIdle}</span>}
      </span>
      {amounts}
    </button>
  );
}
