import { get, useLoad } from "../../api/client";
import type { Found } from "../../api/types";
import { Delta } from "../../calls/Marks";
import { count, duration, fullTime, ms, shortId, time } from "../../format";
import { and, condition } from "../../query";
import { setParams, url } from "../../router";
import type { Summary } from "../../trace/columns";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { ProblemBox } from "../../ui/State";
import { t } from "./messages";
import table from "../../calls/Table.module.css";
import s from "./Compare.module.css";

const hours = 6;

/** Traces that begin with the same operation, to choose the one to compare with. */
export function Candidates({ trace, param }: { trace: Summary; param: "a" | "b" }) {
  const at = ms(trace.startUnixNano);
  const q = and(condition("service", "=", trace.rootService), condition("name", "=", trace.rootName), "not parent exists");
  const { data, error, loading, reload } = useLoad(
    async (signal) => {
      const ask = (order: string, limit: number) => get<Found>("/search", { q, from: Math.floor(at - hours * 3600e3), to: Math.ceil(at + hours * 3600e3), order, limit }, signal);
      const [newest, slowest] = await Promise.all([ask("newest", 8), ask("slowest", 4)]);
      const all = new Map([...(newest.traces ?? []), ...(slowest.traces ?? [])].map((h) => [h.traceId, h]));
      all.delete(trace.traceId);
      return [...all.values()].sort((x, y) => x.durationNanos - y.durationNanos);
    },
    [trace.traceId],
    { refreshed: false, keep: false },
  );
  return (
    <Panel flush loading={loading} title={t.candidates(trace.rootService, trace.rootName)} aside={<span class={s.caption}>{t.candidatesHint}</span>}>
      {error && <ProblemBox problem={error} retry={reload} />}
      {data && data.length === 0 && <p class={s.note}>{t.noCandidates}</p>}
      {data && data.length > 0 && (
        <div class={table.scroll}>
          <table class={table.table}>
            <thead>
              <tr>
                <th scope="col" class={s.th}>{t.traceId}</th>
                <th scope="col" class={s.th}>{t.start}</th>
                <th scope="col" class={`${s.th} num`}>{t.duration}</th>
                <th scope="col" class={s.th} aria-label={t.change} />
                <th scope="col" class={`${s.th} num`}>{t.count}</th>
                <th scope="col" class={`${s.th} num`}>{t.failed}</th>
                <th scope="col" class={s.th} aria-label={t.pick} />
              </tr>
            </thead>
            <tbody>
              {data.map((h) => (
                <tr key={h.traceId}>
                  <td>
                    <a href={url(`trace/${h.traceId}`)}>
                      <code>{shortId(h.traceId)}</code>
                    </a>
                  </td>
                  <td title={fullTime(ms(h.startUnixNano))}>{time(ms(h.startUnixNano))}</td>
                  <td class="num">{duration(h.durationNanos)}</td>
                  <td>
                    <Delta now={h.durationNanos} before={trace.durationNanos} bad="slow" />
                  </td>
                  <td class="num">{count(h.spanCount)}</td>
                  <td class={`num ${h.errorCount ? s.red : s.muted}`}>{h.errorCount}</td>
                  <td class="num">
                    <Button onClick={() => setParams({ [param]: h.traceId })}>{t.pick}</Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
