import { get, useLoad } from "../../api/client";
import type { Calls, Found, Hit } from "../../api/types";
import { queryOf, searchURL, type Which } from "../../calls/links";
import { count, duration, fullTime, ms, shortId, time } from "../../format";
import { range } from "../../range";
import { url } from "../../router";
import { Icon } from "../../ui/Icon";
import { Panel } from "../../ui/Panel";
import { ProblemBox } from "../../ui/State";
import { t } from "./messages";
import table from "../../calls/Table.module.css";
import s from "./Examples.module.css";

const most = 6;

/** Traces to open: the slowest calls, and those that failed last. */
export function Examples({ which, now }: { which: Which; now: Calls }) {
  return (
    <div class={s.examples}>
      <List title={t.slowestCalls} q={queryOf(which)} order="slowest" more={searchURL(which, { slowest: true })} calls={now.count} />
      <List title={t.failedCalls} q={queryOf(which, { failed: true })} order="newest" more={searchURL(which, { failed: true })} calls={now.errors} />
    </div>
  );
}

function List({ title, q, order, more, calls }: { title: string; q: string; order: "slowest" | "newest"; more: string; calls: number }) {
  const r = range.value;
  const nothing = calls === 0;
  const found = useLoad((signal) => (nothing ? undefined : get<Found>("/search", { q, order, from: r.from, to: r.to, limit: most, matches: 1 }, signal)), [q, order, r.from, r.to, nothing]);
  const hits = nothing ? [] : (found.data?.traces ?? []);
  if (!found.data && !found.error && !nothing) {
    // The place that the rows will take, so that what is below does not move.
    return (
      <Panel flush title={title} loading>
        <div style={{ height: `${32 + 38 * Math.min(most, calls)}px` }} />
      </Panel>
    );
  }
  return (
    <Panel flush title={title} loading={found.loading} aside={hits.length > 0 && <a href={more}>{t.more}</a>}>
      {found.error && <ProblemBox problem={found.error} retry={found.reload} />}
      {hits.length > 0 ? (
        <div class={table.scroll}>
          <table class={[table.table, s.table].join(" ")}>
            <colgroup>
              <col class={s.took} />
              <col class={s.started} />
              <col />
              <col class={s.spans} />
            </colgroup>
            <thead>
              <tr>
                <th scope="col" class={["num", table.head].join(" ")}>{t.took}</th>
                <th scope="col" class={table.head}>{t.started}</th>
                <th scope="col" class={table.head}>{t.trace}</th>
                <th scope="col" class={["num", table.head, s.spans].join(" ")}>{t.spans}</th>
              </tr>
            </thead>
            <tbody>
              {hits.map((h) => (
                <Row key={h.traceId} hit={h} />
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        !found.error && <p class={s.nothing}>{order === "newest" ? t.noFailed : t.noCalls}</p>
      )}
    </Panel>
  );
}

function Row({ hit: h }: { hit: Hit }) {
  const span = h.matches[0];
  const start = ms(span?.startUnixNano ?? h.startUnixNano);
  return (
    <tr>
      <td class="num">
        {span?.status === "error" && (
          <span class={s.failed}>
            <Icon name="warning" size={13} label={t.failed} />
          </span>
        )}
        <b>{duration(span?.durationNanos ?? h.durationNanos)}</b>
      </td>
      <td title={fullTime(start)}>{time(start)}</td>
      <th scope="row">
        <a class={[table.link, s.trace].join(" ")} href={url(`trace/${h.traceId}`, { span: span?.spanId })} title={h.traceId}>
          <code>{shortId(h.traceId)}</code> <span class={s.root}>{span?.message ? <bdi>{span.message}</bdi> : <bdi>{t.inTrace(h.rootName || h.rootService)}</bdi>}</span>
        </a>
      </th>
      <td class={["num", s.spans].join(" ")}>{count(h.spanCount)}</td>
    </tr>
  );
}
