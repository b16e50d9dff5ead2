import type { Span } from "../../api/types";
import { kindName } from "../../kinds";
import { url } from "../../router";
import { Service } from "../../ui/Service";
import { Length, Start } from "./cells";
import { t } from "./messages";
import s from "./Results.module.css";

/** The spans that were found, one by one. */
export function SpanTable({ rows, slowest, now }: { rows: readonly Span[]; slowest: number; now: number }) {
  return (
    <table class={s.table}>
      <thead>
        <tr>
          <th scope="col">
            {t.span}
          </th>
          <th scope="col" class={s.kind}>
            {t.kind}
          </th>
          <th scope="col" class={s.statusHead}>
            {t.status}
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
          <tr key={r.traceId + r.spanId} class={s.row}>
            <td class={s.main}>
              <a class={s.open} href={url(`trace/${r.traceId}`, { span: r.spanId })} title={`${r.name}\n${r.traceId}`}>
                <Service name={r.service} />
                <bdi class={s.name}>{r.name || t.noName}</bdi>
              </a>
            </td>
            <td class={s.kind}>{kindName(r.kind)}</td>
            <td class={s.status}>
              {r.status === "error" ? (
                <span class={s.failed} title={r.message}>
                  {t.error}
                </span>
              ) : (
                <span class={s.quiet}>{r.status === "ok" ? t.ok : ""}</span>
              )}
            </td>
            <Start at={r.startUnixNano ?? "0"} now={now} />
            <Length nanos={r.durationNanos} slowest={slowest} error={r.status === "error"} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}
