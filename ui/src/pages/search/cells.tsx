import type { Hit } from "../../api/types";
import { ago, count, duration, exactDuration, fullTime, ms, time } from "../../format";
import { serviceColor } from "../../theme/service";
import { t } from "./messages";
import s from "./Results.module.css";

// The columns that both tables of results have.

export function Start({ at, now }: { at: string; now: number }) {
  const start = ms(at);
  return (
    <td class={s.start} title={`${fullTime(start)} (${ago(start, Math.max(start, now))})`}>
      <time dateTime={new Date(start).toISOString()}>{time(start, now)}</time>
      <span class={s.ago}>{ago(start, Math.max(start, now))}</span>
    </td>
  );
}

export function Length({ nanos, slowest, error }: { nanos: number; slowest: number; error: boolean }) {
  return (
    <td class={s.duration} title={exactDuration(nanos)}>
      <span class={s.length}>{duration(nanos)}</span>
      <span class={s.track}>
        <span class={error ? s.barError : s.bar} style={{ width: `${(nanos / slowest) * 100}%` }} />
      </span>
    </td>
  );
}

const most = 8;

/** The services of a trace, each as wide as its part of the spans. */
export function ServiceShares({ services, total }: { services: Hit["services"]; total: number }) {
  const told = services.map((x) => `${x.name || "–"} ${count(x.spanCount)}`).join(", ");
  const rest = services.slice(most).reduce((n, x) => n + x.spanCount, 0);
  return (
    <span class={s.shares} role="img" aria-label={t.servicesOf(told)} title={told}>
      <span class={s.stack}>
        {services.slice(0, most).map((x) => (
          <span key={x.name} style={{ flexGrow: x.spanCount / Math.max(1, total), background: serviceColor(x.name) }} />
        ))}
        {rest > 0 && <span class={s.others} style={{ flexGrow: rest / Math.max(1, total) }} />}
      </span>
      <span class={s.number}>{services.length}</span>
    </span>
  );
}
