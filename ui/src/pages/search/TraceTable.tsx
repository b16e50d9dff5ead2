import type { Hit } from "../../api/types";
import { count, duration, shortId } from "../../format";
import { url } from "../../router";
import { serviceColor } from "../../theme/service";
import { Icon } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import { Length, ServiceShares, Start } from "./cells";
import { t } from "./messages";
import s from "./Results.module.css";

interface Props {
  rows: readonly Hit[];
  q: string; // that they were found by
  slowest: number; // nanoseconds
  now: number;
  picked: readonly string[];
  onPick: (traceId: string) => void;
}

/** The traces that were found. */
export function TraceTable({ rows, q, slowest, now, picked, onPick }: Props) {
  return (
    <table class={s.table}>
      <thead>
        <tr>
          <th scope="col" class={s.pick}>
            <span class="hidden-text">{t.compare}</span>
          </th>
          <th scope="col">{t.trace}</th>
          <th scope="col" class={s.servicesHead}>
            {t.services}
          </th>
          <th scope="col" class="num">
            {t.spanCount}
          </th>
          <th scope="col" class="num">
            {t.errors}
          </th>
          <th scope="col" class={s.startHead}>
            {t.start}
          </th>
          <th scope="col" class={s.durationHead}>
            <span class={s.length}>{t.duration}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((r) => (
          <TraceRow key={r.traceId} r={r} q={q} slowest={slowest} now={now} picked={picked.includes(r.traceId)} onPick={onPick} />
        ))}
      </tbody>
    </table>
  );
}

function TraceRow({ r, q, slowest, now, picked, onPick }: { r: Hit; q: string; slowest: number; now: number; picked: boolean; onPick: (traceId: string) => void }) {
  const name = r.rootName || (r.rootService ? t.noName : t.noRoot);
  // Without a query every span matches; to say which would tell nothing.
  const matches = q.trim() ? r.matches.slice(0, 2) : [];
  return (
    <tr class={[s.row, picked && s.on].filter(Boolean).join(" ")}>
      <td class={s.pick}>
        <input type="checkbox" checked={picked} aria-label={t.pick(`${r.rootService} ${name} ${shortId(r.traceId)}`)} onChange={() => onPick(r.traceId)} />
      </td>
      <td class={s.main}>
        <a class={s.open} href={url(`trace/${r.traceId}`, { span: matches[0]?.spanId })} title={`${name}\n${r.traceId}`}>
          <Service name={r.rootService} />
          <bdi class={s.name}>{name}</bdi>
        </a>
        {matches.length > 0 && (
          <span class={s.matches}>
            {matches.map((m) => (
              <a key={m.spanId} class={s.match} href={url(`trace/${r.traceId}`, { span: m.spanId })} title={`${t.matched}: ${m.service} ${m.name}`}>
                <span class={s.dot} style={{ background: serviceColor(m.service) }} />
                <bdi class={s.matchName}>{m.name || t.noName}</bdi>
                {m.status === "error" && (
                  <span class={s.mark}>
                    <Icon name="warning" size={12} label={t.error} />
                  </span>
                )}
                <span class={s.quiet}>{duration(m.durationNanos)}</span>
              </a>
            ))}
            {r.matched > matches.length && <span class={s.moreMatches}>{t.moreMatches(count(r.matched - matches.length))}</span>}
          </span>
        )}
      </td>
      <td class={s.services}>
        <ServiceShares services={r.services} total={r.spanCount} />
      </td>
      <td class={["num", s.spanCount].join(" ")}>{count(r.spanCount)}</td>
      <td class={["num", !r.errorCount && s.none].filter(Boolean).join(" ")}>{r.errorCount > 0 ? <span class={s.errors} title={t.failedSpans(count(r.errorCount))}>{count(r.errorCount)}</span> : "0"}</td>
      <Start at={r.startUnixNano} now={now} />
      <Length nanos={r.durationNanos} slowest={slowest} error={r.errorCount > 0} />
    </tr>
  );
}
