import { useMemo } from "preact/hooks";
import type { Comparison } from "../../api/types";
import { duration } from "../../format";
import { url } from "../../router";
import { Icon } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import { VirtualRows } from "../../ui/VirtualRows";
import { changed } from "./changed";
import { t } from "./messages";
import s from "./Compare.module.css";

type Span = Comparison["spans"][number];

const rowHeight = 30;

/** Both traces as one tree. */
export function SpanTree({ comparison: c, onlyChanges }: { comparison: Comparison; onlyChanges: boolean }) {
  const spans = useMemo(() => (onlyChanges ? changed(c) : c.spans), [c, onlyChanges]);
  const axis = Math.max(c.a.durationNanos, c.b.durationNanos, 1);
  if (spans.length === 0) return <p class={s.note}>{t.nothingChanged}</p>;
  return (
    <>
      <p class={s.note}>{t.treeHint}</p>
      <div class={s.treeHead} aria-hidden="true">
        <span>{t.span}</span>
        <span class={s.treeAxis}>
          <span>0</span>
          <span>{duration(axis / 2)}</span>
          <span>{duration(axis)}</span>
        </span>
        <span class={s.treeBy}>{t.change}</span>
      </div>
      <VirtualRows count={spans.length} rowHeight={rowHeight} label={t.tree} class={s.tree}>
        {(i) => <Row span={spans[i]} axis={axis} a={c.a.traceId} b={c.b.traceId} />}
      </VirtualRows>
    </>
  );
}

function Row({ span: x, axis, a, b }: { span: Span; axis: number; a: string; b: string }) {
  const failed = x.a?.status === "error" || x.b?.status === "error";
  const only = !x.b ? t.onlyA : !x.a ? t.onlyB : "";
  const much = Math.abs(x.slowerNanos) > 0.01 * axis;
  return (
    <div class={s.treeRow}>
      <span class={s.treeName} style={{ paddingLeft: `${Math.min(x.depth, 24) * 12}px` }}>
        <a class={only ? s.lone : s.treeLink} href={x.b ? url(`trace/${b}`, { span: x.b.spanId }) : url(`trace/${a}`, { span: x.a?.spanId })} title={`${x.service}: ${x.name}`}>
          <Service name={x.service} />
          <bdi class={s.name}>{x.name}</bdi>
        </a>
        {failed && (
          <span class={s.red}>
            <Icon name="warning" size={13} label={t.failed} />
          </span>
        )}
        {only && <span class={x.a ? s.tagA : s.tagB}>{only}</span>}
      </span>
      <span class={s.bars}>
        {x.a && <Bar class={s.barA} at={x.a.offsetNanos} length={x.a.durationNanos} axis={axis} title={t.inA(duration(x.a.durationNanos))} />}
        {x.b && <Bar class={s.barB} at={x.b.offsetNanos} length={x.b.durationNanos} axis={axis} title={t.inB(duration(x.b.durationNanos))} />}
      </span>
      <span class={[s.treeBy, much && !only && (x.slowerNanos > 0 ? s.slower : s.faster)].filter(Boolean).join(" ")}>{only ? duration((x.a ?? x.b)?.durationNanos) : `${x.slowerNanos > 0 ? "+" : ""}${duration(x.slowerNanos)}`}</span>
    </div>
  );
}

function Bar({ class: c, at, length, axis, title }: { class: string; at: number; length: number; axis: number; title: string }) {
  const left = Math.min(100, Math.max(0, (at / axis) * 100));
  return <span class={c} title={title} style={{ left: `${left}%`, width: `max(2px, ${Math.min(100 - left, (length / axis) * 100)}%)` }} />;
}
