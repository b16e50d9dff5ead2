import type { Columns } from "./columns";

/** What the end of a trace waited for: pieces in the order of time, and again by row. */
export class Path {
  readonly count: number;
  /** Index of a row's first piece in byRow; the pieces of a subtree are those from first[row] to first[end of the subtree]. */
  readonly first: Int32Array;
  /** Pieces (indices of row, from, until, idle), the rows ascending, the pieces of one row in the order of time. */
  readonly byRow: Int32Array;

  constructor(
    readonly row: Int32Array, // -1: none that is here; nothing was running, or it is below a root that was not sent
    readonly from: Float64Array,
    readonly until: Float64Array,
    readonly idle: Uint8Array, // 1: work was handed on and had not begun
    rows: number,
  ) {
    this.count = row.length;
    this.first = new Int32Array(rows + 1);
    let placed = 0;
    for (let i = 0; i < row.length; i++) {
      if (row[i] >= 0) {
        this.first[row[i] + 1]++;
        placed++;
      }
    }
    for (let r = 0; r < rows; r++) this.first[r + 1] += this.first[r];
    const next = this.first.slice();
    this.byRow = new Int32Array(placed);
    for (let i = 0; i < row.length; i++) if (row[i] >= 0) this.byRow[next[row[i]]++] = i;
  }

  /** Whether a span itself is on the path. */
  has(row: number): boolean {
    return this.first[row + 1] > this.first[row];
  }

  /** For how long the span itself was waited for, in nanoseconds. */
  time(row: number): number {
    let sum = 0;
    for (let i = this.first[row]; i < this.first[row + 1]; i++) sum += this.until[this.byRow[i]] - this.from[this.byRow[i]];
    return sum;
  }

  static of(c: Columns): Path {
    for (const r of c.pathRow) if (r < -1 || r >= c.rows) throw new Error(`trace in columns: the critical path names row ${r} of ${c.rows}`);
    return new Path(c.pathRow, c.pathFrom, c.pathUntil, c.pathIdle ? Uint8Array.from(c.pathIdle) : new Uint8Array(c.pathRow.length), c.rows);
  }
}
