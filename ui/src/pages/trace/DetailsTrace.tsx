import { useMemo, useState } from "preact/hooks";
import type { Loaded } from "../../api/client";
import type { Logs as LogsAnswer } from "../../api/types";
import { count, duration, percent } from "../../format";
import { serviceColor } from "../../theme/service";
import { Flag, type Trace } from "../../trace/trace";
import { Segments } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import { Picked } from "./AttributesPicked";
import { visible } from "./AttributesValue";
import { CriticalPath } from "./CriticalPath";
import s from "./Details.module.css";
import { t } from "./DetailsMessages";
import { Logs } from "./Logs";
import type { Opened } from "./opened";

/** What there is to know of the trace while no span of it is selected. */
export function TraceSummary({ opened, logs }: { opened: Opened; logs: Loaded<LogsAnswer> }) {
  const trace = opened.trace.value;
  const [tab, setTab] = useState<"summary" | "path" | "logs">("summary");
  const records = logs.data?.total ?? 0;
  return (
    <section class={s.details} aria-label={t.traceSummary}>
      <h2 class="hidden-text">{t.traceSummary}</h2>
      <div class={s.tabs}>
        <Segments
          value={tab}
          options={[
            { value: "summary", text: t.summary },
            { value: "path", text: t.criticalPath },
            { value: "logs", text: records ? `${t.logs} ${count(records)}` : t.logs },
          ]}
          onChange={setTab}
          label={t.summaryTabs}
        />
      </div>
      <div class={s.scroll}>
        {tab === "summary" && <Summary opened={opened} trace={trace} />}
        {tab === "path" && <CriticalPath opened={opened} />}
        {tab === "logs" && <Logs trace={trace} logs={logs} spanId="" onSpan={(id) => void opened.selectSpan(id, { details: true })} />}
      </div>
      <Picked trace={trace} />
    </section>
  );
}

interface Operation {
  row: number; // of the one with the longest self time
  self: number;
  count: number;
}

/** Sums of self time by service, and the operations with the most. */
export function selfTimes(trace: Trace): { services: { service: number; self: number }[]; operations: Operation[]; total: number } {
  const services = new Float64Array(trace.services.length);
  const operations = new Map<number, Operation>();
  let total = 0;
  for (let r = 0; r < trace.count; r++) {
    const self = trace.self[r];
    services[trace.service[r]] += self;
    total += self;
    const key = trace.service[r] * trace.names.length + trace.name[r];
    const o = operations.get(key);
    if (!o) operations.set(key, { row: r, self, count: 1 });
    else {
      o.self += self;
      o.count++;
      if (self > trace.self[o.row]) o.row = r;
    }
  }
  return {
    services: Array.from(services, (self, service) => ({ service, self })).sort((a, b) => b.self - a.self),
    operations: [...operations.values()].sort((a, b) => b.self - a.self),
    total,
  };
}

/** Failed spans without those that only passed on the failure of one below them: such have no event of their own. */
function failures(trace: Trace): { rows: number[]; more: number } {
  const rows: number[] = [];
  let more = 0;
  for (let r = 0; r < trace.count; r++) {
    if (!trace.is(r, Flag.error)) continue;
    if (trace.errors[trace.end[r]] - trace.errors[r + 1] > 0 && !trace.is(r, Flag.events)) continue;
    if (rows.length < 8) rows.push(r);
    else more++;
  }
  return { rows, more };
}

function Summary({ opened, trace }: { opened: Opened; trace: Trace }) {
  const sums = useMemo(() => selfTimes(trace), [trace]);
  const failed = useMemo(() => failures(trace), [trace]);
  const { summary } = trace;
  const notes = (summary.warnings ?? []).map((w) => note(w.code, w.count));
  const select = (row: number) => opened.select(row, { details: true });
  const share = (self: number) => (sums.total > 0 ? self / sums.total : 0);
  return (
    <>
      <p class={s.hint}>{t.summaryHint}</p>
      {failed.rows.length > 0 && (
        <div class={s.block}>
          <h3>
            {t.failedSpans} <span class={s.count}>{count(failed.rows.length + failed.more)}</span>
          </h3>
          <ul>
            {failed.rows.map((r) => (
              <li key={r}>
                <button type="button" class={s.pick} onClick={() => select(r)}>
                  <span class={s.mark}>
                    <Icon name="warning" size={13} />
                  </span>
                  <Service name={trace.serviceOf(r)} />
                  <bdi class={s.pickName}>{visible(trace.nameOf(r).slice(0, 200)) || t.noName}</bdi>
                  <span class={s.amount}>{duration(trace.duration[r])}</span>
                </button>
              </li>
            ))}
          </ul>
          {failed.more > 0 && <p class={s.hint}>{t.failedMore(failed.more)}</p>}
        </div>
      )}
      {notes.length > 0 && (
        <ul class={s.notes} aria-label={t.traceNotes}>
          {notes.map((n, i) => (
            <li key={i}>
              <Icon name="info" size={14} />
              <span>{n}</span>
            </li>
          ))}
        </ul>
      )}
      <div class={s.block}>
        <h3 title={t.timeByServiceHelp}>{t.timeByService}</h3>
        <div class={s.stacked} role="presentation">
          {sums.services.map(({ service, self }) => share(self) > 0.002 && <span key={service} style={{ width: `${share(self) * 100}%`, background: serviceColor(trace.services[service]) }} />)}
        </div>
        <table class={s.shares}>
          <tbody>
            {sums.services.slice(0, 12).map(({ service, self }) => (
              <tr key={service}>
                <th scope="row">
                  <Service name={trace.services[service] || t.noService} />
                </th>
                <td class="num">{duration(self)}</td>
                <td class="num">{percent(share(self))}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p class={s.small}>{t.timeByServiceHelp}</p>
      </div>
      <div class={s.block}>
        <h3>{t.slowest}</h3>
        <ul>
          {sums.operations.slice(0, 8).map((o) => (
            <li key={o.row}>
              <button type="button" class={s.pick} onClick={() => select(o.row)}>
                <Service name={trace.serviceOf(o.row) || t.noService} />
                <bdi class={s.pickName}>{visible(trace.nameOf(o.row).slice(0, 200)) || t.noName}</bdi>
                {o.count > 1 && <span class={s.times}>{t.perOperation(o.count)}</span>}
                <span class={s.amount}>{duration(o.self)}</span>
              </button>
            </li>
          ))}
        </ul>
        {trace.hidden > 0 && <p class={s.small}>{t.folded(count(trace.hidden))}</p>}
      </div>
    </>
  );
}

function note(code: string, n: number): string {
  switch (code) {
    case "parent-missing":
      return t.noteParentMissing(n);
    case "own-parent":
      return t.noteOwnParent(n);
    case "ring":
      return t.noteRing(n);
    case "id-shared":
      return t.noteShared(n);
    case "clock":
      return t.noteClock(n);
  }
  return t.noteOther(code, n);
}
