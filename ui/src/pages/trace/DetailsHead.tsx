import { duration, exactDuration, fullTime, ms, percent, queryDuration } from "../../format";
import { kindName } from "../../kinds";
import { and, condition } from "../../query";
import { url } from "../../router";
import { Flag, kinds, type Trace } from "../../trace/trace";
import { serviceColor } from "../../theme/service";
import { copyText } from "../../ui/Copy";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import { useState } from "preact/hooks";
import { Long, visible } from "./AttributesValue";
import s from "./Details.module.css";
import { around } from "./DetailsLoad";
import { t } from "./DetailsMessages";

/** What a span is called, whose it is, how it ended, and what to do with it. It needs no more than the row. */
export function Head({ trace, row, message, onSelect }: { trace: Trace; row: number; message: string; onSelect: (row: number) => void }) {
  const name = trace.nameOf(row);
  const service = trace.serviceOf(row);
  const kind = kinds[trace.kind[row]] ?? "unspecified";
  const failed = trace.is(row, Flag.error);
  const id = trace.spanId(row);
  const took = trace.duration[row];
  const range = around(trace);
  const these = and(condition("service", "=", service), condition("name", "=", name));
  const slower = and(these, condition("duration", ">", queryDuration(took)));
  const parent = trace.parent[row];
  return (
    <header class={s.head}>
      <div class={s.line}>
        <Service name={service || t.noService} />
        <span class={s.kind}>{kindName(kind)}</span>
        {failed ? (
          <span class={s.failed}>
            <Icon name="warning" size={13} /> {t.error}
          </span>
        ) : (
          trace.is(row, Flag.ok) && (
            <span class={s.ok}>
              <Icon name="check" size={13} /> {t.ok}
            </span>
          )
        )}
        <span class={s.ids}>
          <CopyWord text={id} word={<code>{id.slice(0, 8)}</code>} label={`${t.copySpanId} ${id.slice(0, 8)}`} icon="copy" />
          <CopyWord text={() => location.origin + url(`trace/${trace.summary.traceId}`, { span: id })} label={t.copyLink} icon="link" />
        </span>
      </div>
      <h2 class={s.name}>
        <bdi>{visible(name.slice(0, 2000)) || t.noName}</bdi>
      </h2>
      {message && (
        <div class={failed ? s.message : s.note}>
          <Long text={message} />
        </div>
      )}
      <nav class={s.actions} aria-label={t.actions}>
        <a href={url("search", { q: these, ...range })} title={t.similarTitle}>
          <Icon name="search" size={13} />
          {t.similar}
        </a>
        {took > 0 && (
          <a href={url("search", { q: slower, order: "slowest", ...range })} title={t.slowerTitle(duration(took))}>
            <Icon name="clock" size={13} />
            {t.slower}
          </a>
        )}
        <a href={url("service", { name: service, operation: name, kind, ...range })} title={t.routeTitle}>
          <Icon name="external" size={13} />
          {t.route}
        </a>
        {parent >= 0 && (
          <button type="button" title={t.parentTitle} onClick={() => onSelect(parent)}>
            <Icon name="up" size={13} />
            {t.parent}
          </button>
        )}
      </nav>
    </header>
  );
}

function CopyWord({ text, word, label, icon }: { text: string | (() => string); word?: preact.ComponentChild; label: string; icon: "copy" | "link" }) {
  const [done, setDone] = useState(false);
  return (
    <Button
      look="quiet"
      icon={done ? "check" : icon}
      label={done ? t.copied : label}
      class={s.small}
      onClick={async () => {
        if (!(await copyText(typeof text === "string" ? text : text()))) return;
        setDone(true);
        setTimeout(() => setDone(false), 1500);
      }}
    >
      {word}
    </Button>
  );
}

/** When the span ran and how long: in figures, and as a picture within the trace. */
export function Timings({ trace, row }: { trace: Trace; row: number }) {
  const start = trace.start[row];
  const took = trace.duration[row];
  const whole = trace.summary.durationNanos;
  const self = trace.self[row];
  const path = trace.path.time(row);
  const share = (part: number, of: number) => (of > 0 ? percent(part / of) : "–");
  const at = ms(trace.summary.startUnixNano) + start / 1e6;
  const left = (start / trace.duration0) * 100;
  const width = (took / trace.duration0) * 100;
  const pieces: { from: number; until: number }[] = [];
  for (let i = trace.path.first[row]; i < trace.path.first[row + 1] && pieces.length < 200; i++) {
    const p = trace.path.byRow[i];
    pieces.push({ from: trace.path.from[p], until: trace.path.until[p] });
  }
  return (
    <div class={s.timings}>
      <div class={s.place} role="img" aria-label={t.place(duration(start), duration(start + took), duration(whole))}>
        <span class={s.bar} style={{ background: serviceColor(trace.serviceOf(row)), left: `${Math.min(99.5, Math.max(0, left))}%`, width: `${Math.max(0.5, Math.min(100 - Math.max(0, left), width))}%` }} />
        {pieces.map((p, i) => (
          <span key={i} class={s.onPath} style={{ left: `${(p.from / trace.duration0) * 100}%`, width: `${Math.max(0.3, ((p.until - p.from) / trace.duration0) * 100)}%` }} />
        ))}
      </div>
      <dl class={s.figures}>
        <div>
          <dt>{t.duration}</dt>
          <dd title={exactDuration(took)}>
            <strong>{duration(took)}</strong>
            <span>{t.ofTrace(share(took, whole))}</span>
          </dd>
        </div>
        <div>
          <dt title={t.selfHelp}>{t.self}</dt>
          <dd title={exactDuration(Math.round(self))}>
            <strong>{duration(self)}</strong>
            <span>{t.ofSpan(share(self, took))}</span>
          </dd>
        </div>
        <div>
          <dt title={t.onPathHelp}>{t.onPath}</dt>
          <dd title={path > 0 ? exactDuration(path) : undefined}>
            {path > 0 ? (
              <>
                <strong class={s.slow}>{duration(path)}</strong>
                <span>{t.ofTrace(share(path, whole))}</span>
              </>
            ) : (
              <span>{t.notOnPath}</span>
            )}
          </dd>
        </div>
        <div class={s.wide}>
          <dt>{t.start}</dt>
          <dd title={exactDuration(start)}>
            <span class={s.moment}>{fullTime(at)}</span>
            <span>{start === 0 ? t.atStart : t.afterStart(duration(start))}</span>
          </dd>
        </div>
      </dl>
    </div>
  );
}
