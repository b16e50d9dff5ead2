import { useMemo, useState } from "preact/hooks";
import { get, useLoad, type Loaded } from "../../api/client";
import type { Log, Logs as Answer } from "../../api/types";
import { count, duration, exactDuration } from "../../format";
import type { Trace } from "../../trace/trace";
import { Segments } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Partial, Progress, ProblemBox } from "../../ui/State";
import { Attributes } from "./Attributes";
import { Long, plainText, Value, visible } from "./AttributesValue";
import { mostLogs } from "./DetailsLoad";
import { t } from "./DetailsMessages";
import s from "./Logs.module.css";

// OpenTelemetry's ranges of severity.
const levels = ["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;

export function levelOf(severity: number | undefined): number {
  return severity ? Math.min(6, Math.floor((severity - 1) / 4) + 1) : 0;
}

interface Props {
  trace: Trace;
  logs: Loaded<Answer>;
  spanId: string; // "": of the whole trace
  shift?: number; // what puts the clock of that span right
  onSpan: (spanId: string) => void;
}

const step = 100;

/** The log records of a span or of the whole trace, in the order of time, to be filtered by level and text. */
export function Logs({ trace, logs, spanId, shift = 0, onSpan }: Props) {
  const [whole, setWhole] = useState(false);
  const [text, setText] = useState("");
  const [from, setFrom] = useState(0);
  const [most, setMost] = useState(step);
  const { data, error, loading, reload } = logs;
  // Of a trace with very many records the first were loaded: those of the span are asked for on their own.
  const cut = data !== undefined && data.total > data.logs.length;
  const { traceId } = trace.summary;
  const own = useLoad<Answer>((signal) => (cut && spanId ? get<Answer>(`/traces/${traceId}/logs`, { span: spanId, limit: mostLogs }, signal) : undefined), [traceId, spanId, cut], { keep: false, refreshed: false });
  const ofSpan = useMemo(() => (cut ? own.data?.logs : data?.logs.filter((l) => l.spanId === spanId)) ?? [], [data, own.data, cut, spanId]);
  const all = spanId && !whole ? ofSpan : (data?.logs ?? []);
  const filtered = useMemo(() => {
    const wanted = text.toLowerCase();
    return all.filter((l) => levelOf(l.severity) >= from && (!wanted || plainText(l.body).toLowerCase().includes(wanted) || JSON.stringify(l.attributes).toLowerCase().includes(wanted)));
  }, [all, text, from]);
  const start = BigInt(trace.summary.startUnixNano);

  if (error && !data) return <div class={s.pad}><ProblemBox problem={error} retry={reload} /></div>;
  if (!data) return <Progress on={loading} />;
  return (
    <div class={s.logs}>
      <div class={s.tools}>
        {spanId && data.logs.length > 0 && (
          <Segments
            value={whole ? "trace" : "span"}
            options={[
              { value: "span", text: `${t.thisSpan} ${count(own.data?.total ?? ofSpan.length)}` },
              { value: "trace", text: `${t.wholeTrace} ${count(data.total)}` },
            ]}
            onChange={(v) => setWhole(v === "trace")}
            label={t.whichLogs}
          />
        )}
        {all.length > 5 && (
          <>
            <select class={s.select} aria-label={t.level} value={from} onChange={(e) => setFrom(Number(e.currentTarget.value))}>
              {[0, 2, 3, 4, 5].map((l) => (
                <option key={l} value={l}>
                  {l === 0 ? t.levelAll : t.levelFrom(levels[l])}
                </option>
              ))}
            </select>
            <input class={s.filter} type="search" value={text} placeholder={t.filterLogs} aria-label={t.filterLogs} onInput={(e) => setText(e.currentTarget.value)} />
          </>
        )}
      </div>
      {all.length === 0 ? (
        <p class={s.none}>
          {spanId && !whole ? t.noLogsSpan : t.noLogs}
          {!spanId && ` ${t.noLogsHint}`}
        </p>
      ) : filtered.length === 0 ? (
        <p class={s.none}>{t.noneMatch}</p>
      ) : (
        <ol class={s.list}>
          {filtered.slice(0, most).map((l, i) => (
            <Record key={i} log={l} at={Number(BigInt(l.timeUnixNano) - start) + (l.spanId === spanId ? shift : 0)} span={l.spanId && l.spanId !== spanId ? l.spanId : ""} trace={trace} onSpan={onSpan} />
          ))}
        </ol>
      )}
      {filtered.length > most && (
        <button type="button" class={s.more} onClick={() => setMost(most === step ? 500 : most * 4)}>
          {t.showAll(filtered.length)}
        </button>
      )}
      {cut && all === data.logs && <div class={s.pad}><Partial why={t.logsCut(count(data.logs.length), count(data.total))} /></div>}
      {own.data && all === own.data.logs && own.data.total > all.length && <div class={s.pad}><Partial why={t.logsCut(count(all.length), count(own.data.total))} /></div>}
      {own.error && <div class={s.pad}><ProblemBox problem={own.error} retry={own.reload} /></div>}
    </div>
  );
}

/** One record: when, how bad, what; its attributes on demand. */
function Record({ log, at, span, trace, onSpan }: { log: Log; at: number; span: string; trace: Trace; onSpan: (spanId: string) => void }) {
  const [open, setOpen] = useState(false);
  const level = levelOf(log.severity);
  const structured = typeof log.body === "object" && log.body !== null;
  const body = plainText(log.body ?? "") || log.event || "";
  const newline = body.indexOf("\n");
  const first = newline >= 0 ? body.slice(0, newline) : body;
  const more = Object.keys(log.attributes).length > 0 || structured || body.length > 160 || newline >= 0 || span !== "";
  const row = span ? trace.row(span) : -1;
  const word = log.level || levels[level];
  return (
    <li class={s.record}>
      <button type="button" class={s.head} aria-expanded={more ? open : undefined} disabled={!more} onClick={() => setOpen(!open)}>
        <span class={s.at} title={exactDuration(at)}>
          {duration(at)}
        </span>
        <span class={s.level} data-level={level}>
          <bdi>{visible(word.slice(0, 12)) || "–"}</bdi>
        </span>
        <bdi class={open ? s.openBody : s.body}>{visible(first.slice(0, open ? 1000 : 300))}</bdi>
      </button>
      {open && (
        <div class={s.inside}>
          {structured ? (
            <div class={s.pad}>
              <Value value={log.body} />
            </div>
          ) : (
            (newline >= 0 || body.length > 1000) && (
              <div class={s.pad}>
                <Long text={body} class={s.lines} />
              </div>
            )
          )}
          <Attributes attributes={log.attributes} scope={undefined} label={t.attributes} />
          {row >= 0 && (
            <button type="button" class={s.span} onClick={() => onSpan(span)}>
              <Icon name="right" size={12} />
              <bdi>{t.spanOfLog(visible(trace.nameOf(row).slice(0, 100)) || t.noName)}</bdi>
            </button>
          )}
        </div>
      )}
    </li>
  );
}
