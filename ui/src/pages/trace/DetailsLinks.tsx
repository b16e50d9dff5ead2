import { useEffect, useState } from "preact/hooks";
import type { Link } from "../../api/types";
import { duration, shortId } from "../../format";
import { url } from "../../router";
import type { Trace } from "../../trace/trace";
import { Copy } from "../../ui/Copy";
import { Icon } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import { Attributes } from "./Attributes";
import { visible } from "./AttributesValue";
import s from "./Details.module.css";
import { loadSpan, type LinkedSpan } from "./DetailsLoad";
import { t } from "./DetailsMessages";

const most = 20;

interface Props {
  trace: Trace;
  links: readonly Link[];
  by: readonly LinkedSpan[]; // spans that point to this one
  onSpan: (spanId: string) => void;
}

/** Spans of other traces, or of this one, that the span points to and that point to it. */
export function Links({ trace, links, by, onSpan }: Props) {
  const [all, setAll] = useState(false);
  return (
    <>
      {by.length > 0 && links.length > 0 && <h4 class={s.sub}>{t.linksTo}</h4>}
      <ul>
        {links.slice(0, all ? undefined : most).map((l, i) => (
          <One key={i} trace={trace} link={l} onSpan={onSpan} looked={i < most} />
        ))}
      </ul>
      {links.length > most && !all && (
        <button type="button" class={s.more} onClick={() => setAll(true)}>
          {t.showAll(links.length)}
        </button>
      )}
      {by.length > 0 && (
        <>
          <h4 class={s.sub}>{t.linkedBy}</h4>
          <ul>
            {by.map((l, i) => (
              <li key={i} class={s.link}>
                <Target trace={trace} traceId={l.traceId} spanId={l.spanId} service={l.service} name={l.name} onSpan={onSpan} />
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function One({ trace, link, onSpan, looked }: { trace: Trace; link: Link; onSpan: (spanId: string) => void; looked: boolean }) {
  const same = link.traceId === trace.summary.traceId;
  const row = same ? trace.row(link.spanId) : -1;
  const [found, setFound] = useState<{ service: string; name: string; took: number } | "gone" | undefined>();
  useEffect(() => {
    if (same || !looked) return;
    const abort = new AbortController();
    loadSpan(link.traceId, link.spanId, undefined, abort.signal).then(
      (x) => setFound({ service: x.service, name: x.name, took: x.durationNanos }),
      () => !abort.signal.aborted && setFound("gone"),
    );
    return () => abort.abort();
  }, [link.traceId, link.spanId, same, looked]);
  const known = same && row >= 0 ? { service: trace.serviceOf(row), name: trace.nameOf(row), took: trace.duration[row] } : found;
  return (
    <li class={s.link}>
      <Target trace={trace} traceId={link.traceId} spanId={link.spanId} {...(typeof known === "object" ? known : {})} gone={known === "gone"} onSpan={onSpan} />
      {link.traceState && (
        <p class={s.small}>
          {t.traceState}: <bdi>{visible(link.traceState.slice(0, 500))}</bdi>
        </p>
      )}
      <Attributes attributes={link.attributes} scope="" label={t.attributes} />
    </li>
  );
}

function Target({ trace, traceId, spanId, service, name, took, gone, onSpan }: { trace: Trace; traceId: string; spanId: string; service?: string; name?: string; took?: number; gone?: boolean; onSpan: (spanId: string) => void }) {
  const same = traceId === trace.summary.traceId;
  const what = (
    <>
      {service !== undefined && <Service name={service} />}
      <bdi class={s.linkName}>{name !== undefined ? visible(name.slice(0, 200)) || t.noName : t.otherTrace(shortId(traceId))}</bdi>
    </>
  );
  return (
    <div class={s.target}>
      {gone ? (
        <span class={s.gone}>
          {t.otherTrace(shortId(traceId))} · {t.notHere}
        </span>
      ) : same ? (
        <button type="button" class={s.jump} title={t.showSpan} onClick={() => onSpan(spanId)}>
          {what}
        </button>
      ) : (
        <a class={s.jump} href={url(`trace/${traceId}`, { span: spanId })} title={traceId}>
          {what}
          <Icon name="right" size={12} />
        </a>
      )}
      <span class={s.small}>{same ? t.sameTrace : took !== undefined ? duration(took) : ""}</span>
      {!same && <Copy text={traceId} what={t.otherTrace(shortId(traceId))} />}
    </div>
  );
}
