import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Loaded } from "../../api/client";
import type { Logs as LogsAnswer } from "../../api/types";
import { bytes } from "../../format";
import type { Trace } from "../../trace/trace";
import { ProblemBox, Progress } from "../../ui/State";
import { Attributes } from "./Attributes";
import { Finder, findIn } from "./AttributesFind";
import { Picked } from "./AttributesPicked";
import { Long, visible } from "./AttributesValue";
import s from "./Details.module.css";
import { Head, Timings } from "./DetailsHead";
import { Links } from "./DetailsLinks";
import { sorted, useLogs, useSpan, type SpanDetail } from "./DetailsLoad";
import { t } from "./DetailsMessages";
import { Notes } from "./DetailsNotes";
import { Section, showSection } from "./DetailsSection";
import { brief } from "./DetailsSummary";
import { TraceSummary } from "./DetailsTrace";
import { Events, Exception, isException } from "./Events";
import { Logs } from "./Logs";
import type { Opened } from "./opened";
import { Sql } from "./Sql";
import { isSql } from "./SqlTokens";

/** All about the span that is selected; about the trace while none is. */
export function Details({ opened }: { opened: Opened }) {
  const trace = opened.trace.value;
  const row = opened.selected.value;
  const logs = useLogs(trace.summary);
  if (row < 0 || row >= trace.count) return <TraceSummary opened={opened} logs={logs} />;
  return <SpanDetails opened={opened} trace={trace} row={row} logs={logs} />;
}

/** The id, once it has stayed the same for a moment: holding an arrow key asks for one span, not for thirty. */
function useSettled(id: string): string {
  const [settled, setSettled] = useState(id);
  useEffect(() => {
    if (settled === id) return;
    const timer = setTimeout(() => setSettled(id), 90);
    return () => clearTimeout(timer);
  }, [id]);
  return settled;
}

function SpanDetails({ opened, trace, row, logs }: { opened: Opened; trace: Trace; row: number; logs: Loaded<LogsAnswer> }) {
  const id = `${trace.spanId(row)} ${trace.at[row]}`;
  const wanted = useSettled(id);
  const loaded = useSpan(trace, wanted === id ? row : -1);
  const span = wanted === id && loaded.data?.spanId === trace.spanId(row) ? loaded.data : undefined;
  const scroll = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (scroll.current) scroll.current.scrollTop = 0;
  }, [id]);
  const toSpan = (spanId: string) => void opened.selectSpan(spanId);
  return (
    <section class={s.details} aria-label={t.spanDetails}>
      <Progress on={!span && !loaded.error} />
      <div class={s.scroll} ref={scroll}>
        <Head trace={trace} row={row} message={span?.message ?? ""} onSelect={(r) => opened.select(r)} />
        <Timings trace={trace} row={row} />
        {span ? (
          <Finder.Provider value={(condition) => findIn(opened, condition)}>
            <Parts key={id} trace={trace} row={row} span={span} logs={logs} onSpan={toSpan} />
          </Finder.Provider>
        ) : (
          loaded.error && wanted === id && <div class={s.pad}><ProblemBox problem={loaded.error} retry={loaded.reload} /></div>
        )}
      </div>
      <Picked trace={trace} />
    </section>
  );
}

const queryKeys = ["db.query.text", "db.statement"];

function Parts({ trace, row, span, logs, onSpan }: { trace: Trace; row: number; span: SpanDetail; logs: Loaded<LogsAnswer>; onSpan: (spanId: string) => void }) {
  const [filter, setFilter] = useState("");
  const attributes = span.attributes;
  const resource = span.ofResource?.attributes ?? {};
  const scope = span.ofScope;
  const events = span.events ?? [];
  const links = span.links ?? [];
  const exceptions = events.filter(isException);
  const own = (key: string): string => (Object.hasOwn(attributes, key) && typeof attributes[key] === "string" ? (attributes[key] as string) : "");
  const queryKey = queryKeys.find((k) => own(k) !== "") ?? "";
  const query = queryKey && own(queryKey);
  const sql = useMemo(() => isSql(query, own("db.system.name") || own("db.system")), [query]);
  const parameters = useMemo(
    () => sorted(attributes).flatMap(([k, v]) => (/^db\.(?:query|operation)\.parameter\./.test(k) ? [[k.replace(/^db\.(?:query|operation)\.parameter\./, ""), v] as [string, unknown]] : [])),
    [attributes],
  );
  // What is shown above on its own is not shown again among the attributes.
  const rest = useMemo(() => Object.fromEntries(Object.entries(attributes).filter(([k]) => (k !== queryKey || !query) && !(query && /^db\.(?:query|operation)\.parameter\./.test(k)) && k !== "exception.stacktrace")), [attributes, queryKey]);
  const onSpanException = Object.hasOwn(attributes, "exception.stacktrace") || Object.hasOwn(attributes, "exception.message");
  const ofSpan = logs.data?.logs.filter((l) => l.spanId === span.spanId).length;
  const n = Object.keys(attributes).length;
  const total = n + Object.keys(resource).length;
  const jumps = (
    [
      ["attributes", t.attributes, n],
      ["events", t.events, events.length],
      ["links", t.links, links.length],
      ["logs", t.logs, ofSpan ?? 0],
    ] as const
  ).filter(([, , count]) => count > 0);
  return (
    <>
      <Brief span={span} />
      <Notes trace={trace} row={row} span={span} />
      {jumps.length > 1 ? (
        <nav class={s.jumps} aria-label={t.sections}>
          {jumps.map(([kind, title, count]) => (
            <button key={kind} type="button" onClick={() => showSection(kind)}>
              {title} <span>{count.toLocaleString()}</span>
            </button>
          ))}
        </nav>
      ) : (
        <hr class={s.rule} />
      )}
      {(exceptions.length > 0 || onSpanException) && (
        <Section kind="exceptions" title={t.exceptions} count={exceptions.length > 1 ? exceptions.length : undefined}>
          {onSpanException && exceptions.length === 0 && <Exception of={span} />}
          {exceptions.slice(0, 5).map((e, i) => (
            <Exception key={i} of={e} at={(e.offsetNanos ?? 0) - (span.offsetNanos ?? 0)} />
          ))}
        </Section>
      )}
      {query && (
        <Section kind="query" title={t.query}>
          <div class={s.pad}>{sql ? <Sql text={query} system={own("db.system.name") || own("db.system")} parameters={parameters} /> : <Plain text={query} />}</div>
        </Section>
      )}
      {total > 10 && (
        <div class={s.filter}>
          <input type="search" value={filter} placeholder={t.filter} aria-label={t.filter} onInput={(e) => setFilter(e.currentTarget.value)} />
        </div>
      )}
      <Section kind="attributes" title={t.attributes} count={n}>
        {n === 0 ? <p class={s.none}>{t.noAttributes}</p> : <Attributes attributes={rest} types={span.types} scope="" filter={filter} label={t.attributes} />}
      </Section>
      {events.length > 0 && (
        <Section kind="events" title={t.events} count={events.length}>
          <Events events={events} start={span.offsetNanos ?? 0} length={span.durationNanos} />
        </Section>
      )}
      {links.length > 0 && (
        <Section kind="links" title={t.links} count={links.length}>
          <Links trace={trace} links={links} onSpan={onSpan} />
        </Section>
      )}
      <Section kind="logs" title={t.logs} count={ofSpan}>
        <Logs trace={trace} logs={logs} spanId={span.spanId} shift={span.shiftNanos} onSpan={onSpan} />
      </Section>
      <Section kind="resource" title={t.resource} count={Object.keys(resource).length}>
        <Attributes attributes={resource} scope="resource" filter={filter} label={t.resource} />
        {span.ofResource?.schemaUrl && <Schema url={span.ofResource.schemaUrl} />}
      </Section>
      {scope && (scope.name || scope.version || Object.keys(scope.attributes).length > 0) && (
        <Section kind="scope" title={t.scope} initially={false}>
          <p class={s.scope}>
            <bdi>{visible(scope.name.slice(0, 500)) || t.noName}</bdi>
            {scope.version && (
              <span>
                {" "}
                <bdi>{visible(scope.version.slice(0, 200))}</bdi>
              </span>
            )}
          </p>
          <Attributes attributes={scope.attributes} scope="scope" filter={filter} label={t.scope} />
          {span.traceState && (
            <p class={s.scope}>
              {t.traceState}: <bdi>{visible(span.traceState.slice(0, 1000))}</bdi>
            </p>
          )}
          {scope.schemaUrl && <Schema url={scope.schemaUrl} />}
        </Section>
      )}
    </>
  );
}

function Schema({ url }: { url: string }) {
  return (
    <p class={s.scope}>
      {t.schema}: <bdi>{visible(url.slice(0, 500))}</bdi>
    </p>
  );
}

function Plain({ text }: { text: string }) {
  return (
    <pre class={s.plain}>
      <Long text={text} />
    </pre>
  );
}

/** The call in a line: "GET /orders/{id} → 500", where to, how much went over. */
function Brief({ span }: { span: SpanDetail }) {
  const b = useMemo(() => brief(span.attributes, span.kind === "server" || span.kind === "consumer"), [span]);
  if (!b) return null;
  const notes = [
    b.count !== undefined && (b.protocol === "DB" ? t.rows(b.count) : t.messages(b.count)),
    b.sent !== undefined && (b.protocol === "HTTP" ? t.request(bytes(b.sent)) : bytes(b.sent)),
    b.received !== undefined && t.response(bytes(b.received)),
  ].filter(Boolean);
  return (
    <div class={s.brief}>
      <p>
        <span class={s.protocol}>{visible(b.system.slice(0, 40)) || b.protocol}</span>
        <bdi class={s.call}>{visible(b.call.slice(0, 300))}</bdi>
        {b.result && (
          <>
            <span class={s.arrow}>→</span>
            <bdi class={b.failed ? s.bad : s.good}>{visible(b.result.slice(0, 60))}</bdi>
          </>
        )}
      </p>
      {(b.peer || b.url || notes.length > 0) && (
        <p class={s.briefMore}>
          {b.peer && (
            <span>
              <bdi>{visible(b.peer.slice(0, 200))}</bdi>
            </span>
          )}
          {b.url && (
            <span>
              <bdi>{visible(b.url.slice(0, 300))}</bdi>
            </span>
          )}
          {notes.map((n, i) => (
            <span key={i}>{n}</span>
          ))}
        </p>
      )}
    </div>
  );
}
