import type { Trace } from "./trace";

/**
 * Which rows of a trace are open, and from that which ones are visible. What changes costs as much as the rows that come or
 * go, and moving those below, which a million rows do in a millisecond.
 */
export class Tree {
  readonly closed: Uint8Array; // per row: 1 if what is below is not shown
  /** The visible rows, ascending; only the first `count` are in use. */
  readonly visible: Int32Array;
  count = 0;

  /** All open; or, for a trace that got more spans, as `before` was. */
  constructor(
    readonly trace: Trace,
    before?: { tree: Tree; moved: (row: number) => number },
  ) {
    this.closed = new Uint8Array(trace.count);
    this.visible = new Int32Array(trace.count);
    if (before) {
      const { closed } = before.tree;
      for (let r = 0; r < closed.length; r++) {
        if (!closed[r]) continue;
        const to = before.moved(r);
        if (to >= 0) this.closed[to] = 1;
      }
    }
    this.#fill();
  }

  #fill(): void {
    const { end, count: n } = this.trace;
    let k = 0;
    for (let r = 0; r < n; r = this.closed[r] ? end[r] : r + 1) this.visible[k++] = r;
    this.count = k;
  }

  /** Where a row is among the visible ones; -1 if it is not. */
  position(row: number): number {
    const i = this.#search(row);
    return i < this.count && this.visible[i] === row ? i : -1;
  }

  /** Where a row is, or what is closed above it. */
  nearest(row: number): number {
    const i = this.#search(row);
    return i < this.count && this.visible[i] === row ? i : Math.max(0, i - 1);
  }

  /** The first position with a row that is not smaller. */
  #search(row: number): number {
    let lo = 0;
    let hi = this.count;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.visible[mid] < row) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }

  /** Whether there are rows to show or to hide below a row. */
  opens(row: number): boolean {
    return this.trace.end[row] > row + 1;
  }

  close(row: number): void {
    if (this.closed[row] || !this.opens(row)) return;
    this.closed[row] = 1;
    const i = this.position(row);
    if (i < 0) return;
    const j = this.#search(this.trace.end[row]);
    this.visible.copyWithin(i + 1, j, this.count);
    this.count -= j - i - 1;
  }

  open(row: number): void {
    if (!this.closed[row]) return;
    this.closed[row] = 0;
    const i = this.position(row);
    if (i < 0) return;
    const { end } = this.trace;
    let more = 0;
    for (let r = row + 1; r < end[row]; r = this.closed[r] ? end[r] : r + 1) more++;
    this.visible.copyWithin(i + 1 + more, i + 1, this.count);
    let k = i + 1;
    for (let r = row + 1; r < end[row]; r = this.closed[r] ? end[r] : r + 1) this.visible[k++] = r;
    this.count += more;
  }

  toggle(row: number): void {
    if (this.closed[row]) this.open(row);
    else this.close(row);
  }

  /** Opens what is above a row. */
  reveal(row: number): void {
    // From the top, so that what is opened is visible and counted once.
    const above: number[] = [];
    for (let p = this.trace.parent[row]; p >= 0; p = this.trace.parent[p]) if (this.closed[p]) above.push(p);
    for (let i = above.length - 1; i >= 0; i--) this.open(above[i]);
  }

  openAll(): void {
    this.closed.fill(0);
    this.#fill();
  }

  /** Shows the levels above a depth only: 0 is the roots alone. */
  closeFrom(depth: number): void {
    for (let r = 0; r < this.trace.count; r++) this.closed[r] = this.trace.depth[r] >= depth && this.opens(r) ? 1 : 0;
    this.#fill();
  }

  /** Closes every row below which is nothing to keep. keep: 1 for the rows to show. */
  closeBut(keep: Uint8Array): void {
    const { parent, count: n } = this.trace;
    const needed = new Uint8Array(n); // something to keep is below
    for (let r = n - 1; r >= 0; r--) if ((keep[r] || needed[r]) && parent[r] >= 0) needed[parent[r]] = 1;
    for (let r = 0; r < n; r++) this.closed[r] = !needed[r] && this.opens(r) ? 1 : 0;
    this.#fill();
  }

  /** Whether anything is closed. */
  get anyClosed(): boolean {
    return this.count < this.trace.count;
  }
}
