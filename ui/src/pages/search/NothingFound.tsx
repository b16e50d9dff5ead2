import { conditions, removeCondition } from "../../query/edit";
import { bounds, range, setRange } from "../../range";
import { Button } from "../../ui/Button";
import { QueryText } from "../../ui/QueryText";
import { Empty } from "../../ui/State";
import { t } from "./messages";
import s from "./NothingFound.module.css";
import { search } from "./place";

const longer = [
  { from: "-6h", hours: 6 },
  { from: "-24h", hours: 24 },
  { from: "-7d", hours: 168 },
];

/** Says what could be loosened when a search finds nothing: a condition, or the time range. */
export function NothingFound({ q }: { q: string }) {
  const list = conditions(q) ?? [];
  const b = bounds(range.value);
  const width = b.to - b.from;
  const wider = range.value.relative ? longer.filter((l) => l.hours * 3600e3 > width * 1.5) : [];
  return (
    <Empty title={q.trim() ? t.nothing : t.nothingAtAll}>
      {list.length > 0 && (
        <div class={s.way}>
          <p>{t.loosen}</p>
          <ul class={s.choices}>
            {list.map((c) => (
              <li key={c.at}>
                <Button icon="close" class={s.condition} onClick={() => search(removeCondition(q, c.text))}>
                  <span class="hidden-text">{t.without("")}</span>
                  <span class={s.text} title={c.text}>
                    <QueryText text={c.text} />
                  </span>
                </Button>
              </li>
            ))}
            {list.length > 1 && (
              <li>
                <Button onClick={() => search("")}>{t.clearQuery}</Button>
              </li>
            )}
          </ul>
        </div>
      )}
      {!range.value.relative && (
        <div class={s.way}>
          <p>{list.length > 0 ? t.widen : t.widenAlone}</p>
          <Button icon="clock" onClick={() => setRange({ from: b.from - width, to: Math.max(b.to, Math.min(b.to + width, Date.now())) })}>
            {t.around}
          </Button>
        </div>
      )}
      {wider.length > 0 && (
        <div class={s.way}>
          <p>{list.length > 0 ? t.widen : t.widenAlone}</p>
          <ul class={s.choices}>
            {wider.map((l) => (
              <li key={l.from}>
                <Button icon="clock" onClick={() => setRange(l.from)}>
                  {l.hours > 24 ? t.lastDays(l.hours / 24) : t.lastHours(l.hours)}
                </Button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Empty>
  );
}
