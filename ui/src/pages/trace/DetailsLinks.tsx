import { useState } from "preact/hooks";
import { get, useLoad } from "../../api/client";
import type { Found, Link } from "../../api/types";
import { duration, shortId } from "../../format";
import { and, condition } from "../../query";
import { url } from "../../router";
import type { Trace } from "../../trace/trace";
import { Copy } from "../../ui/Copy";
import { Icon } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import { Attributes } from "./Attributes";
import { visible } from "./AttributesValue";
import s from "./Details.module.css";
import { t } from "./DetailsMessages";

const most = 20;

/** What is known of a span of another trace; undefined: not yet, or never as there are too many; "gone": it is not stored. */
type Known = { service: string; name: string; took: number } | "gone" | undefined;

/** Asks for the first of the spans of other traces that links point to, all at once. */
function useTargets(traceId: string, links: readonly Link[]): (l: Link) => Known {
  const others = links.slice(0, most).filter((l) => l.traceId !== traceId);
  const q = others.map((l) => and(condition("trace", "=", l.traceId), condition("span", "=", l.spanId))).join(" or ");
  const { data } = useLoad((signal) => (q ? get<Found>("/search", { q, by: "spans", from: "-3650d", limit: 1000 }, signal) : undefined), [q], { refreshed: false });
  return (l) => {
    if (!data || !others.includes(l)) return undefined;
    const hit = data.spans?.find((x) => x.traceId === l.traceId && x.spanId === l.spanId);
    if (hit) return { service: hit.service, name: hit.name, took: hit.durationNanos };
    return data.partial ? undefined : "gone";
  };
}

interface Props {
  trace: Trace;
  links: readonly Link[];
  onSpan: (spanId: string) => void;
}

/** Spans of other traces, or of this one, that the span points to. */
export function Links({ trace, links, onSpan }: Props) {
  const [all, setAll] = useState(false);
  const target = useTargets(trace.summary.traceId, links);
  return (
    <>
      <ul>
        {links.slice(0, all ? undefined : most).map((l, i) => (
          <One key={i} trace={trace} link={l} target={target(l)} onSpan={onSpan} />
        ))}
      </ul>
      {links.length > most && !all && (
        <button type="button" class={s.more} onClick={() => setAll(true)}>
          {t.showAll(links.length)}
        </button>
      )}
    </>
  );
}

function One({ trace, link, target, onSpan }: { trace: Trace; link: Link; target: Known; onSpan: (spanId: string) => void }) {
  const same = link.traceId === trace.summary.traceId;
  const row = same ? trace.row(link.spanId) : -1;
  const known = same && row >= 0 ? { service: trace.serviceOf(row), name: trace.nameOf(row), took: trace.duration[row] } : target;
  return (
    <li class={s.link}>
      <Target trace={trace} traceId={link.traceId} spanId={link.spanId} {...(typeof known === "object" ? known : {})} gone={known === "gone"} onSpan={onSpan} />
      {link.traceState && (
        <p class={s.small}>
          {t.traceState}: <bdi>{visible(link.traceState.slice(0, 500))}</bdi>
        </p>
      )}
      <Attributes attributes={link.attributes} scope={undefined} label={t.attributes} />
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
