import type { Comparison } from "../../api/types";

type Span = Comparison["spans"][number];

/**
 * The spans that are worth a row when only changes are wanted: what is in one trace alone, what failed in one of them, and what
 * itself took longer or less by more than a hundredth of the longer trace; and their ancestors, so that the tree is one.
 */
export function changed(c: Comparison): Span[] {
  const limit = 0.01 * Math.max(c.a.durationNanos, c.b.durationNanos);
  const keep = new Uint8Array(c.spans.length);
  const open: number[] = []; // the ancestors of the row, by depth
  c.spans.forEach((x, i) => {
    open.length = x.depth;
    open.push(i);
    if (!x.a || !x.b || (x.a.status === "error") !== (x.b.status === "error") || Math.abs(x.slowerSelfNanos) > limit) for (const row of open) if (row !== undefined) keep[row] = 1;
  });
  return c.spans.filter((_, i) => keep[i]);
}
