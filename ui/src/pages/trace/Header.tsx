import { useRef } from "preact/hooks";
import { apiURL } from "../../api/client";
import { count, duration, exactDuration, fullTime, ms } from "../../format";
import { navigate, url } from "../../router";
import { serviceColor } from "../../theme/service";
import type { Warning } from "../../trace/columns";
import { Button } from "../../ui/Button";
import { Copy } from "../../ui/Copy";
import { Icon } from "../../ui/Icon";
import { Popover } from "../../ui/Popover";
import { t } from "./messages";
import type { Opened } from "./opened";
import type { Loading } from "./TraceLoad";
import { clean } from "./WaterfallTexts";
import s from "./Header.module.css";

/** What the trace is: where it began, when, how long, how much, what is odd about it, and which services took part. */
export function Header({ opened, loading }: { opened: Opened; loading: Loading }) {
  const trace = opened.trace.value;
  const { summary } = trace;
  const at = ms(summary.startUnixNano);
  return (
    <header class={s.header}>
      <div class={s.first}>
        <h1 class={s.title}>
          <span class={s.dot} style={{ background: serviceColor(summary.rootService) }} />
          <bdi class={s.service}>{clean(summary.rootService) || t.noService}</bdi>
          <bdi class={s.name} title={summary.rootName}>
            {clean(summary.rootName) || t.noName}
          </bdi>
        </h1>
        <div class={s.actions}>
          <span class={s.fresh} role="status">
            {loading.fresh > 0 ? t.newSpans(loading.fresh) : ""}
          </span>
          <Button look="quiet" icon="refresh" label={t.refresh} title={loading.watching ? t.arriving : t.refresh} class={loading.watching ? s.watching : undefined} onClick={loading.reload} />
          <Compare opened={opened} />
          <Download id={summary.traceId} />
        </div>
      </div>
      <dl class={s.facts}>
        <Fact name={t.duration} title={exactDuration(summary.durationNanos)}>
          {duration(summary.durationNanos)}
        </Fact>
        <Fact name={t.start}>{fullTime(at)}</Fact>
        <Fact name={t.spans}>{summary.spanCount.toLocaleString()}</Fact>
        <Fact name={t.errors} error={summary.errorCount > 0}>
          {summary.errorCount.toLocaleString()}
        </Fact>
        <Fact name={t.services} minor>{summary.services.length.toLocaleString()}</Fact>
        <Fact name={t.depth} minor>{(trace.maxDepth + 1).toLocaleString()}</Fact>
        <Fact name={t.traceId} mono title={summary.traceId}>
          <span class={s.id}>{summary.traceId}</span>
          <Copy text={summary.traceId} what={t.traceId} />
        </Fact>
      </dl>
      <Legend opened={opened} />
      <Notes opened={opened} />
    </header>
  );
}

function Fact({ name, title, error, mono, minor, children }: { name: string; title?: string; error?: boolean; mono?: boolean; minor?: boolean; children: preact.ComponentChildren }) {
  return (
    <div class={minor ? `${s.fact} ${s.minor}` : s.fact}>
      <dt>{name}</dt>
      <dd title={title} class={[error && s.error, mono && s.mono].filter(Boolean).join(" ") || undefined}>
        {error && <Icon name="warning" size={13} />}
        {children}
      </dd>
    </div>
  );
}

function Legend({ opened }: { opened: Opened }) {
  const { services } = opened.trace.value.summary;
  const only = opened.only.value;
  if (services.length < 2) return null;
  const toggle = (i: number) => {
    const next = new Set(only);
    if (!next.delete(i)) next.add(i);
    opened.only.value = next.size === services.length ? new Set() : next;
  };
  return (
    <div class={s.legend} role="group" aria-label={t.legend}>
      {services.map((service, i) => (
        <button key={service.name} type="button" class={s.chip} aria-pressed={only.has(i)} title={t.ofService(service.name || t.noService, service.spanCount, service.errorCount)} onClick={() => toggle(i)}>
          <span class={s.dot} style={{ background: serviceColor(service.name) }} />
          <bdi>{clean(service.name) || t.noService}</bdi>
          <span class={s.count}>{count(service.spanCount)}</span>
          {service.errorCount > 0 && (
            <span class={s.failed}>
              <Icon name="warning" size={12} />
              {count(service.errorCount)}
            </span>
          )}
        </button>
      ))}
      {only.size > 0 && (
        <button type="button" class={s.all} onClick={() => (opened.only.value = new Set())}>
          {t.showAll}
        </button>
      )}
    </div>
  );
}

function warning(w: Warning): string {
  switch (w.code) {
    case "parent-missing":
      return t.warnParent(w.count);
    case "own-parent":
      return t.warnOwnParent(w.count);
    case "ring":
      return t.warnRing(w.count);
    case "id-shared":
      return t.warnIdShared(w.count);
    case "clock":
      return t.warnClock(w.count);
    default:
      return t.warnOther(w.code, w.count);
  }
}

function Notes({ opened }: { opened: Opened }) {
  const trace = opened.trace.value;
  const { warnings = [], partial, why, spanCount } = trace.summary;
  if (warnings.length === 0 && !partial && trace.hidden === 0) return null;
  return (
    <ul class={s.notes}>
      {trace.hidden > 0 && (
        <li>
          <Icon name="collapse" size={14} />
          {t.folded(trace.hidden, spanCount)}
        </li>
      )}
      {partial && (
        <li>
          <Icon name="info" size={14} />
          {t.partial}
          {why ? `: ${why}` : ""}
        </li>
      )}
      {warnings.map((w) => (
        <li key={w.code}>
          <Icon name={w.code === "clock" ? "clock" : "info"} size={14} />
          {warning(w)}
        </li>
      ))}
    </ul>
  );
}

function Compare({ opened }: { opened: Opened }) {
  const input = useRef<HTMLInputElement>(null);
  const { traceId } = opened.trace.value.summary;
  return (
    <Popover icon="compare" text={<span class={s.word}>{t.compare}</span>} label={t.compare} align="right">
      {() => (
        <form
          class={s.compare}
          onSubmit={(e) => {
            e.preventDefault();
            const other = input.current!.value.trim().toLowerCase();
            if (!/^[0-9a-f]{1,32}$/.test(other)) {
              input.current!.setCustomValidity(t.notATraceId);
              input.current!.reportValidity();
              return;
            }
            navigate(url("compare", { a: traceId, b: other.padStart(32, "0") }));
          }}
        >
          <label>
            {t.compareWith}
            <input ref={input} class={s.other} placeholder={t.otherId} spellcheck={false} autocomplete="off" onInput={(e) => e.currentTarget.setCustomValidity("")} />
          </label>
          <div class={s.buttons}>
            <Button type="submit" look="primary">
              {t.compare}
            </Button>
            <a href={url("compare", { a: traceId })}>{t.findOther}</a>
          </div>
        </form>
      )}
    </Popover>
  );
}

function Download({ id }: { id: string }) {
  const file = (format: string) => apiURL(`/traces/${id}`, { format });
  return (
    <Popover icon="down" text={<span class={s.word}>{t.download}</span>} label={t.download} align="right">
      {() => (
        <ul class={s.files}>
          <li>
            <a href={file("json")} download={`trace-${id}.json`}>
              {t.downloadJson}
            </a>
          </li>
          <li>
            <a href={file("otlp-json")} download={`trace-${id}.otlp.json`}>
              {t.downloadOtlpJson}
            </a>
          </li>
          <li>
            <a href={file("otlp")} download={`trace-${id}.otlp.pb`}>
              {t.downloadOtlp}
            </a>
          </li>
        </ul>
      )}
    </Popover>
  );
}
