import { useState } from "preact/hooks";
import type { Event } from "../../api/types";
import { duration, exactDuration } from "../../format";
import { Icon } from "../../ui/Icon";
import { Attributes } from "./Attributes";
import { Long, visible } from "./AttributesValue";
import { t } from "./DetailsMessages";
import s from "./Events.module.css";
import { Stack } from "./Stack";

const firstEvents = 40;

function text(e: { attributes: Record<string, unknown> }, key: string): string {
  const v = Object.hasOwn(e.attributes, key) ? e.attributes[key] : undefined;
  return v === undefined || v === null ? "" : typeof v === "string" ? v : JSON.stringify(v);
}

export function isException(e: Event): boolean {
  return e.name === "exception" || Object.hasOwn(e.attributes, "exception.type") || Object.hasOwn(e.attributes, "exception.stacktrace");
}

/** What went wrong: type, message and stack trace, from an event or from the attributes of the span. */
export function Exception({ of, at }: { of: { attributes: Record<string, unknown> }; at?: number }) {
  const type = text(of, "exception.type");
  const message = text(of, "exception.message");
  const stack = text(of, "exception.stacktrace");
  return (
    <div class={s.exception}>
      <p class={s.type}>
        <Icon name="warning" size={14} />
        <strong>
          <bdi>{visible(type.slice(0, 500)) || t.exceptions}</bdi>
        </strong>
        {at !== undefined && (
          <span class={s.at} title={exactDuration(at)}>
            +{duration(at)}
          </span>
        )}
      </p>
      {message && (
        <div class={s.message}>
          <Long text={message} />
        </div>
      )}
      {text(of, "exception.escaped") === "true" && <p class={s.escaped}>{t.escaped}</p>}
      {stack && <Stack text={stack} />}
    </div>
  );
}

interface Props {
  events: readonly Event[];
  start: number; // of the span as its events count time, nanoseconds from the start of the trace
  length: number; // of the span
}

/** The events of a span on a line over its time, and one after the other with their attributes. */
export function Events({ events, start, length }: Props) {
  const [all, setAll] = useState(false);
  const offset = (e: Event) => (e.offsetNanos ?? 0) - start;
  const sorted = [...events].sort((a, b) => offset(a) - offset(b));
  const scale = Math.max(length, offset(sorted.at(-1)!), 1);
  // Marks that would lie on one another are one.
  const marks = new Map<number, boolean>();
  for (const e of sorted) {
    const at = Math.round(Math.min(1, Math.max(0, offset(e) / scale)) * 200) / 2;
    marks.set(at, marks.get(at) || isException(e));
  }
  return (
    <div class={s.events}>
      <div class={s.line} role="img" aria-label={t.eventLine}>
        {[...marks].map(([at, failed]) => (
          <span key={at} class={failed ? s.failed : s.mark} style={{ left: `${at}%` }} />
        ))}
      </div>
      <ol>
        {sorted.slice(0, all ? undefined : firstEvents).map((e, i) => (
          <One key={i} event={e} at={offset(e)} />
        ))}
      </ol>
      {sorted.length > firstEvents && !all && (
        <button type="button" class={s.more} onClick={() => setAll(true)}>
          {t.showAll(sorted.length)}
        </button>
      )}
    </div>
  );
}

function One({ event, at }: { event: Event; at: number }) {
  const failed = isException(event);
  const n = Object.keys(event.attributes).length;
  const [open, setOpen] = useState(n > 0 && n <= 4 && !failed);
  const name = visible(event.name) || t.noName;
  const said = failed && text(event, "exception.message") ? `${name}: ${text(event, "exception.message")}` : name;
  return (
    <li class={s.event}>
      <button type="button" class={s.head} aria-expanded={n > 0 ? open : undefined} disabled={n === 0} onClick={() => setOpen(!open)}>
        <span class={failed ? s.dotFailed : s.dot} />
        <span class={s.offset} title={exactDuration(at)}>
          {at < 0 ? "" : "+"}
          {duration(at)}
        </span>
        <bdi class={s.name}>{visible(said.slice(0, 300))}</bdi>
        {n > 0 && <Icon name={open ? "up" : "down"} size={12} />}
      </button>
      {open && (
        <div class={s.inside}>
          <Attributes attributes={event.attributes} scope="event" label={t.attributes} />
        </div>
      )}
      {(event.droppedAttributes ?? 0) > 0 && <p class={s.note}>{t.droppedAttributes(event.droppedAttributes!)}</p>}
    </li>
  );
}
