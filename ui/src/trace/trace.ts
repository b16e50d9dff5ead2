import type { Columns, Summary, Unsigned } from "./columns";
import { IdIndex, hex } from "./ids";
import { Path } from "./path";

/** The bits of the column flags. */
export const Flag = { error: 1, ok: 2, events: 4, links: 8, orphan: 16, clock: 32, warnings: 64, logs: 128 } as const;

/** The words for the column kind. */
export const kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;

/**
 * A trace, or as much of it as the server sent: rows in the order of the waterfall, a parent before its children. All
 * columns have a value per row. It is not changed: more spans make a new one. Times are nanoseconds from its start.
 */
export class Trace {
  readonly summary: Summary;
  readonly count: number; // rows
  readonly id: Uint32Array;
  readonly parent: Int32Array; // -1: a root
  readonly start: Float64Array;
  readonly duration: Float64Array;
  readonly self: Float32Array;
  readonly name: Unsigned;
  readonly service: Unsigned;
  readonly kind: Uint8Array;
  readonly flags: Uint8Array;
  readonly names: readonly string[];
  readonly services: readonly string[];
  readonly path: Path;

  /** Row after the last one below a row: what is below r is r+1 … end[r]-1; its children are r+1, end[r+1], … */
  readonly end: Int32Array;
  readonly depth: Int32Array;
  readonly maxDepth: number;
  /** Spans in the whole subtree, the row itself and what was not sent included. */
  readonly size: Uint32Array;
  /** Spans below a row that were not sent and have no nearer ancestor that was: what opening it would load. */
  readonly missing: Uint32Array;
  /** Which row of the whole trace a row is. */
  readonly at: Unsigned;
  /** errors[r] is the number of failed spans before row r: errors[end[r]] - errors[r] are in r's subtree. */
  readonly errors: Int32Array;
  /** Times of events, those of row r from firstEvent[r] to firstEvent[r+1]; empty if the server did not send them. */
  readonly eventTime: Float64Array;
  readonly firstEvent: Int32Array;
  readonly duration0: number; // of the whole trace, never 0, for scales

  #ids: IdIndex | undefined;

  constructor(c: Columns) {
    const n = c.rows;
    this.summary = c.summary;
    this.count = n;
    this.id = c.id;
    this.parent = c.parent;
    this.start = c.start;
    this.duration = c.duration;
    this.self = c.self;
    this.name = c.name;
    this.service = c.service;
    this.kind = c.kind;
    this.flags = c.flags;
    this.names = c.names;
    this.services = c.summary.services.map((s) => s.name);
    this.path = Path.of(c);
    this.end = new Int32Array(n);
    this.depth = new Int32Array(n);
    this.size = new Uint32Array(n);
    this.missing = new Uint32Array(n);
    this.errors = new Int32Array(n + 1);
    this.duration0 = Math.max(c.summary.durationNanos, 1);

    let deepest = 0;
    const at = c.at ?? Uint32Array.from({ length: n }, (_, i) => i);
    this.at = at;
    for (let r = 0; r < n; r++) {
      const p = c.parent[r];
      // Rows are top down: a parent is the row before or one of that row's ancestors.
      let a = r - 1;
      while (a > p && a >= 0) a = c.parent[a];
      if (a !== p) throw new Error(`trace in columns: row ${r} has row ${p} as its parent, which is not above it`);
      if (c.name[r] >= c.names.length || c.service[r] >= this.services.length) throw new Error(`trace in columns: row ${r} has a name or service that the header does not list`);
      const d = p < 0 ? 0 : this.depth[p] + 1;
      this.depth[r] = d;
      if (d > deepest) deepest = d;
      this.errors[r + 1] = this.errors[r] + (c.flags[r] & Flag.error);
      this.end[r] = r + 1;
    }
    this.maxDepth = deepest;
    for (let r = n - 1; r >= 0; r--) {
      const p = c.parent[r];
      if (p >= 0 && this.end[p] < this.end[r]) this.end[p] = this.end[r];
      const hidden = c.hiddenBelow ? c.hiddenBelow[r] : 0;
      this.size[r] = this.end[r] - r + hidden;
      this.missing[r] += this.size[r] - 1; // less those of its children, which came before
      if (p >= 0) this.missing[p] -= this.size[r];
    }

    this.firstEvent = new Int32Array(n + 1);
    this.eventTime = c.eventTime ?? new Float64Array(0);
    if (c.eventRow) {
      for (const r of c.eventRow) this.firstEvent[r + 1]++;
      for (let r = 0; r < n; r++) this.firstEvent[r + 1] += this.firstEvent[r];
    }
  }

  /** Spans that were not sent. */
  get hidden(): number {
    return Math.max(0, this.summary.spanCount - this.count);
  }

  nameOf(row: number): string {
    return this.names[this.name[row]];
  }

  serviceOf(row: number): string {
    return this.services[this.service[row]];
  }

  /** A span's id as 16 hex digits. */
  spanId(row: number): string {
    return hex(this.id, row);
  }

  /** The row of a span, -1 if it is not among those sent. Of several with one id, the first. */
  row(spanId: string): number {
    this.#ids ??= new IdIndex(this.id);
    return this.#ids.find(spanId);
  }

  is(row: number, flag: number): boolean {
    return (this.flags[row] & flag) !== 0;
  }

  /** Whether one row is the other or above it. */
  contains(ancestor: number, row: number): boolean {
    return row >= ancestor && row < this.end[ancestor];
  }

  /** Whether anything is below a row, sent or not. */
  hasChildren(row: number): boolean {
    return this.size[row] > 1;
  }
}
