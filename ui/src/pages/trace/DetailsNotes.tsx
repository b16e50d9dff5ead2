import { duration } from "../../format";
import type { Trace } from "../../trace/trace";
import { Icon } from "../../ui/Icon";
import { visible } from "./AttributesValue";
import s from "./Details.module.css";
import type { SpanDetail } from "./DetailsLoad";
import { t } from "./DetailsMessages";

/** What the server finds odd about a span, in the words of the page; what is new to the page stays as the server says it. */
function explain(code: string | undefined, warning: string, span: SpanDetail): string {
  const service = visible(span.service) || t.noService;
  const shift = span.shiftNanos ?? 0;
  switch (code) {
    case "clock":
      return shift < 0 ? t.clockAhead(service, duration(-shift)) : t.clockBehind(service, duration(shift));
    case "parent-missing":
      return t.parentMissing(span.parentSpanId ?? "");
    case "own-parent":
      return t.ownParent;
    case "ring":
      return t.ring(span.parentSpanId ?? "");
    case "id-shared":
      return t.shared;
  }
  return visible(warning);
}

/** What is odd about a span, and what of it is missing. */
export function Notes({ trace, row, span }: { trace: Trace; row: number; span: SpanDetail }) {
  const warnings = span.warnings ?? [];
  const codes = span.warningCodes ?? [];
  // Some have a code and no sentence.
  const notes = codes.length >= warnings.length ? codes.map((c, i) => explain(c, warnings[i] ?? c, span)) : warnings.map((w) => explain(undefined, w, span));
  if (span.droppedAttributes) notes.push(t.droppedAttributes(span.droppedAttributes));
  if (span.droppedEvents) notes.push(t.droppedEvents(span.droppedEvents));
  if (span.droppedLinks) notes.push(t.droppedLinks(span.droppedLinks));
  if (trace.missing[row] > 0) notes.push(t.hiddenBelow(trace.missing[row]));
  if (notes.length === 0) return null;
  return (
    <ul class={s.notes} aria-label={t.warnings}>
      {notes.map((n, i) => (
        <li key={i}>
          <Icon name="info" size={14} />
          <bdi>{n}</bdi>
        </li>
      ))}
    </ul>
  );
}
