// Traces for tests: written by hand as a list of spans, and encoded as the server would.

export interface SampleSpan {
  parent: number; // index in the list, -1: a root; a parent stands before its children, all that is below it without a gap
  start: number;
  duration: number;
  name?: string;
  service?: string;
  flags?: number;
  kind?: number;
}

interface Options {
  sent?: readonly number[]; // indices of what is sent, all if it is missing
  under?: number; // index
  path?: readonly [span: number, from: number, until: number][];
  events?: readonly [span: number, at: number][];
  covered?: readonly number[]; // instead of each span's own time
  whole?: boolean; // pieces of the path that are as long as their span have no length
}

/** The id of a span of a sample. */
export function sampleId(index: number): string {
  return (index + 1).toString(16).padStart(16, "0");
}

/** An answer in columns with the given spans. */
export function encode(all: readonly SampleSpan[], { sent, under, path = [], events, covered, whole = false }: Options = {}): ArrayBuffer {
  const below = (i: number, top: number): boolean => i === top || (i > top && all[i].parent >= 0 && below(all[i].parent, top));
  const rows = (sent ?? all.map((_, i) => i)).filter((i) => under === undefined || below(i, under));
  const rowOf = new Map(rows.map((i, r) => [i, r]));
  const nearest = (i: number): number => (i < 0 ? -1 : (rowOf.get(i) ?? nearest(all[i].parent)));
  const names = [...new Set(rows.map((i) => all[i].name ?? "op"))];
  const services = [...new Set(all.map((s) => s.service ?? "svc"))];
  const partOf = (i: number, top: number) => i !== top && below(i, top);
  const hidden = rows.map((i) => all.filter((_, j) => partOf(j, i) && !rowOf.has(j)).length);
  const end = Math.max(...all.map((s) => s.start + s.duration));
  // Without a gap, from the start of the trace to its end.
  const pieces: [number, number, number][] = [];
  let until = 0;
  for (const [i, from, to] of [...path, [-1, end, end] as const]) {
    if (from > until) pieces.push([-1, until, from]);
    if (to > from) pieces.push([under === undefined || below(i, under) ? nearest(i) : -1, from, to]);
    until = to;
  }
  const ev = (events ?? []).filter(([i]) => rowOf.has(i)).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const columns: { name: string; type: string; count: number; bytes: Uint8Array }[] = [];
  const add = (name: string, type: string, array: ArrayBufferView, count = (array as unknown as { length: number }).length) =>
    columns.push({ name, type, count, bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) });
  add("id", "bytes8", Uint8Array.from(rows.flatMap((i) => sampleId(i).match(/../g)!.map((h) => parseInt(h, 16)))), rows.length);
  add("parent", "i32", Int32Array.from(rows, (i) => (i === under ? -1 : nearest(all[i].parent))));
  add("start", "f64", Float64Array.from(rows, (i) => all[i].start));
  add("duration", "f64", Float64Array.from(rows, (i) => all[i].duration));
  if (covered) add("covered", "f32", Float32Array.from(rows, (i) => covered[i]));
  else add("self", "f32", Float32Array.from(rows, (i) => all[i].duration));
  add("name", "u16", Uint16Array.from(rows, (i) => names.indexOf(all[i].name ?? "op")));
  add("service", "u8", Uint8Array.from(rows, (i) => services.indexOf(all[i].service ?? "svc")));
  add("kind", "u8", Uint8Array.from(rows, (i) => all[i].kind ?? 0));
  add("flags", "u8", Uint8Array.from(rows, (i) => all[i].flags ?? 0));
  if (sent || under !== undefined) {
    add("hidden", "u8", Uint8Array.from(hidden));
    add("at", "u32", Uint32Array.from(rows));
  }
  add("pathRow", "i32", Int32Array.from(pieces, (p) => p[0]));
  add("pathLength", "u32", Uint32Array.from(pieces, (p) => (whole && p[0] >= 0 && p[2] - p[1] === all[rows[p[0]]].duration ? 0 : p[2] - p[1])));
  if (events) {
    add("eventRow", "u16", Uint16Array.from(ev, ([i]) => rowOf.get(i)!));
    add("eventTime", "f64", Float64Array.from(ev, (e) => e[1]));
  }
  const header = (offsets: number[]) =>
    new TextEncoder().encode(
      JSON.stringify({
        traceId: "0".repeat(31) + "1",
        startUnixNano: "1795375544392297339",
        durationNanos: end,
        rootService: all[0].service ?? "svc",
        rootName: all[0].name ?? "op",
        spanCount: all.length,
        errorCount: all.filter((s) => (s.flags ?? 0) & 1).length,
        services: services.map((name) => ({ name, spanCount: all.filter((s) => (s.service ?? "svc") === name).length, errorCount: 0 })),
        under: under === undefined ? undefined : sampleId(under),
        rows: rows.length,
        hidden: all.filter((_, i) => (under === undefined || below(i, under)) && !rowOf.has(i)).length,
        names,
        critical: pieces.length,
        columns: columns.map((c, i) => ({ name: c.name, type: c.type, count: c.count, offset: offsets[i] })),
      }),
    );
  const pad = (n: number) => Math.ceil(n / 8) * 8;
  // The header holds the offsets, which come after it: room for them is taken as if they were large.
  const headerLength = pad(header(columns.map(() => 1e9)).length);
  let at = 16 + headerLength;
  const offsets = columns.map((c) => {
    const here = at;
    at = pad(at + c.bytes.length);
    return here;
  });
  const out = new Uint8Array(at);
  out.set(new TextEncoder().encode("WEFTCOL1"));
  new DataView(out.buffer).setUint32(8, headerLength, true);
  out.fill(0x20, 16, 16 + headerLength);
  out.set(header(offsets), 16);
  columns.forEach((c, i) => out.set(c.bytes, offsets[i]));
  return out.buffer;
}

/** A small trace with all that is of interest: two services, an error, an event, an orphan, a critical path. */
export const shop: readonly SampleSpan[] = [
  { parent: -1, start: 0, duration: 100, name: "GET /cart", service: "web", kind: 2 },
  { parent: 0, start: 10, duration: 40, name: "GET /cart", service: "web", kind: 3 },
  { parent: 1, start: 15, duration: 30, name: "GET /cart", service: "cart", kind: 2 },
  { parent: 2, start: 20, duration: 10, name: "SELECT items", service: "cart", kind: 3, flags: 1 | 4 },
  { parent: 2, start: 31, duration: 10, name: "SELECT prices", service: "cart", kind: 3 },
  { parent: 0, start: 60, duration: 30, name: "render", service: "web", kind: 1 },
  { parent: 5, start: 62, duration: 5, name: "template", service: "web" },
  { parent: 5, start: 70, duration: 60, name: "flush", service: "web" },
  { parent: -1, start: 120, duration: 4, name: "late", service: "cart", flags: 16 },
];
