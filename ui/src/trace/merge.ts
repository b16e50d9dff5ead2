import type { Columns, Unsigned } from "./columns";
import { Trace } from "./trace";

/** A trace with more of its spans, and where the rows of the one before are in it. */
export interface Merged {
  trace: Trace;
  moved: Int32Array; // new row of each old row
}

/**
 * Puts what is below a span (an answer with `under`) into a trace. Undefined if the answer is of another state of the
 * trace, which has more spans by now: then all of it is to be asked for again.
 */
export function merge(old: Trace, more: Columns): Merged | undefined {
  if (more.summary.traceId !== old.summary.traceId || more.summary.spanCount !== old.summary.spanCount) return undefined;
  const fresh = new Trace(more);
  const n0 = old.count;
  const n1 = fresh.count;
  const moved = new Int32Array(n0);
  const place = new Int32Array(n1);

  // Both are in the order of the whole trace.
  let n = 0;
  for (let i = 0, j = 0; i < n0 || j < n1; n++) {
    const a = i < n0 ? old.at[i] : Infinity;
    const b = j < n1 ? fresh.at[j] : Infinity;
    if (a === b && (old.id[2 * i] !== fresh.id[2 * j] || old.id[2 * i + 1] !== fresh.id[2 * j + 1])) return undefined;
    if (a <= b) moved[i++] = n;
    if (b <= a) place[j++] = n;
  }

  const pick = <T extends Unsigned | Float64Array | Float32Array>(to: T, a: ArrayLike<number>, b: ArrayLike<number>): T => {
    for (let j = 0; j < n1; j++) to[place[j]] = b[j];
    for (let i = 0; i < n0; i++) to[moved[i]] = a[i];
    return to;
  };
  const names = [...old.names];
  const number = new Map(names.map((name, i) => [name, i]));
  const renamed = new Uint32Array(more.names.length);
  more.names.forEach((name, i) => {
    let k = number.get(name);
    if (k === undefined) number.set(name, (k = names.push(name) - 1));
    renamed[i] = k;
  });
  const at = pick(new Uint32Array(n), old.at, fresh.at);
  const size = pick(new Uint32Array(n), old.size, fresh.size);
  const id = new Uint32Array(2 * n);
  for (let j = 0; j < n1; j++) id.set(fresh.id.subarray(2 * j, 2 * j + 2), 2 * place[j]);
  for (let i = 0; i < n0; i++) id.set(old.id.subarray(2 * i, 2 * i + 2), 2 * moved[i]);

  // A subtree has no gap in the whole trace, so that the parent is the last row above whose subtree has not ended.
  const parent = new Int32Array(n);
  const last = new Uint32Array(n); // of each subtree, the last row that was sent
  const above: number[] = [];
  for (let r = 0; r < n; r++) {
    while (above.length > 0 && at[r] >= at[above[above.length - 1]] + size[above[above.length - 1]]) above.pop();
    parent[r] = above.length > 0 ? above[above.length - 1] : -1;
    above.push(r);
    last[r] = r;
  }
  const hiddenBelow = new Uint32Array(n);
  for (let r = n - 1; r >= 0; r--) {
    hiddenBelow[r] = size[r] - (last[r] - r + 1);
    if (parent[r] >= 0 && last[parent[r]] < last[r]) last[parent[r]] = last[r];
  }

  const columns: Columns = {
    ...more,
    summary: old.summary,
    under: "",
    hidden: old.summary.spanCount - n,
    names,
    rows: n,
    id,
    parent,
    start: pick(new Float64Array(n), old.start, fresh.start),
    duration: pick(new Float64Array(n), old.duration, fresh.duration),
    self: pick(new Float32Array(n), old.self, fresh.self),
    name: pick(new Uint32Array(n), old.name, Uint32Array.from(fresh.name, (k) => renamed[k])),
    service: pick(new Uint32Array(n), old.service, fresh.service),
    kind: pick(new Uint8Array(n), old.kind, fresh.kind),
    flags: pick(new Uint8Array(n), old.flags, fresh.flags),
    hiddenBelow,
    at,
    ...mergedPath(old, fresh, moved, place),
    ...mergedEvents(old, fresh, moved, place, n),
  };
  return { trace: new Trace(columns), moved };
}

/** The pieces of the path, those below the opened span on the spans that are there now. */
function mergedPath(old: Trace, fresh: Trace, moved: Int32Array, place: Int32Array): Pick<Columns, "pathRow" | "pathFrom" | "pathUntil" | "pathIdle"> {
  interface Piece {
    row: number;
    from: number;
    until: number;
    idle: number;
  }
  const pieces: Piece[] = [];
  const top = moved.indexOf(fresh.count > 0 ? place[0] : 0); // `under` itself
  const finer = new Map<number, Piece>(); // by its start
  for (let i = 0; i < fresh.path.count; i++) {
    const row = fresh.path.row[i];
    if (row >= 0) finer.set(fresh.path.from[i], { row: place[row], from: fresh.path.from[i], until: fresh.path.until[i], idle: fresh.path.idle[i] });
  }
  const fromFresh = finer.size > 0;
  for (let i = 0; i < old.path.count; i++) {
    const p = { row: old.path.row[i] < 0 ? -1 : moved[old.path.row[i]], from: old.path.from[i], until: old.path.until[i], idle: old.path.idle[i] };
    const below = top >= 0 && old.contains(top, old.path.row[i]);
    const f = finer.get(p.from);
    if (below && fromFresh) {
      if (f && f.until === p.until) f.row = Math.max(f.row, p.row); // the lower of the two is nearer to the truth
      continue;
    }
    pieces.push(p);
  }
  pieces.push(...finer.values());
  pieces.sort((a, b) => a.from - b.from || a.until - b.until);
  return {
    pathRow: Int32Array.from(pieces, (p) => p.row),
    pathFrom: Float64Array.from(pieces, (p) => p.from),
    pathUntil: Float64Array.from(pieces, (p) => p.until),
    pathIdle: Uint8Array.from(pieces, (p) => p.idle),
  };
}

function mergedEvents(old: Trace, fresh: Trace, moved: Int32Array, place: Int32Array, n: number): Pick<Columns, "eventRow" | "eventTime"> {
  if (old.eventTime.length + fresh.eventTime.length === 0) return { eventRow: undefined, eventTime: undefined };
  const source = new Int32Array(n); // 1 + row of fresh, or -(1 + row of old)
  for (let i = 0; i < moved.length; i++) source[moved[i]] = -1 - i;
  for (let j = 0; j < place.length; j++) source[place[j]] = 1 + j;
  const rows: number[] = [];
  const times: number[] = [];
  for (let r = 0; r < n; r++) {
    const t = source[r] > 0 ? fresh : old;
    const k = Math.abs(source[r]) - 1;
    for (let e = t.firstEvent[k]; e < t.firstEvent[k + 1]; e++) {
      rows.push(r);
      times.push(t.eventTime[e]);
    }
  }
  return { eventRow: Uint32Array.from(rows), eventTime: Float64Array.from(times) };
}
