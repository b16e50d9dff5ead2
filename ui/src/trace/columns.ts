// Decodes the columns form of a trace: docs/format/columns.md. Nothing is copied: a typed array is laid over each column.

/** A service of a trace. */
export interface ServiceCount {
  name: string;
  spanCount: number;
  errorCount: number;
}

/** What is odd about some spans of a trace. */
export interface Warning {
  code: "parent-missing" | "own-parent" | "ring" | "id-shared" | "clock" | (string & {});
  count: number;
}

/** What the header says of the whole trace, whatever part of it was sent. */
export interface Summary {
  traceId: string;
  startUnixNano: string;
  durationNanos: number;
  rootService: string;
  rootName: string;
  spanCount: number;
  errorCount: number;
  services: ServiceCount[];
  warnings?: Warning[];
  partial?: boolean;
  why?: string;
}

interface Header extends Summary {
  under?: string;
  rows: number;
  hidden: number;
  names: string[];
  critical: number;
  columns: { name: string; type: string; count: number; offset: number }[];
}

export type Unsigned = Uint8Array | Uint16Array | Uint32Array;
type Column = Unsigned | Int32Array | Float32Array | Float64Array;

/** An answer: one value of each column per row, and three or four per piece of the critical path. */
export interface Columns {
  summary: Summary;
  under: string; // the span below which this is, "" for the whole trace
  hidden: number; // spans that were not sent
  names: string[];
  rows: number;
  id: Uint32Array; // two words per row: the eight bytes as they are
  parent: Int32Array;
  start: Float64Array;
  duration: Float64Array;
  self: Float32Array;
  name: Unsigned;
  service: Unsigned;
  kind: Uint8Array;
  flags: Uint8Array;
  hiddenBelow: Unsigned | undefined; // undefined: nothing is hidden
  at: Unsigned | undefined; // undefined: row k is row k of the whole trace
  pathRow: Int32Array; // -1: none of the rows
  pathFrom: Float64Array;
  pathUntil: Float64Array;
  pathIdle: Unsigned | undefined;
  eventRow: Unsigned | undefined; // the row of each event, ascending; undefined: the server does not say
  eventTime: Float64Array | undefined;
}

const magic = "WEFTCOL1";
const headerAt = 16;

/** How many bytes an answer has in all, as soon as its header is there; 0 before. For showing progress. */
export function expectedBytes(head: Uint8Array): number {
  if (head.length < headerAt) return 0;
  const n = new DataView(head.buffer, head.byteOffset).getUint32(8, true);
  if (head.length < headerAt + n) return 0;
  try {
    const header = JSON.parse(new TextDecoder().decode(head.subarray(headerAt, headerAt + n))) as Header;
    return header.columns.reduce((end, c) => Math.max(end, c.offset + Math.ceil((c.count * (width[c.type] ?? 0)) / 8) * 8), 0);
  } catch {
    return 0;
  }
}

const width: Record<string, number> = { u8: 1, u16: 2, u32: 4, i32: 4, f32: 4, f64: 8, bytes8: 8 };

/** Reads an answer. What is wrong with it is an Error that says where. */
export function decode(buffer: ArrayBuffer): Columns {
  const size = buffer.byteLength;
  if (size < headerAt) throw new Error(`trace in columns: cut off after ${size} bytes, before the header`);
  const text = new TextDecoder();
  if (text.decode(new Uint8Array(buffer, 0, 8)) !== magic) throw new Error("trace in columns: does not start with " + magic);
  const headerLength = new DataView(buffer).getUint32(8, true);
  if (headerAt + headerLength > size) throw new Error(`trace in columns: cut off after ${size} bytes, in the header of ${headerLength}`);
  let h: Header;
  try {
    h = JSON.parse(text.decode(new Uint8Array(buffer, headerAt, headerLength))) as Header;
  } catch (e) {
    throw new Error(`trace in columns: header: ${(e as Error).message}`);
  }

  const column = <T extends Column>(name: string, count: number, types: readonly string[]): T | undefined => {
    const c = h.columns.find((c) => c.name === name);
    if (!c) return undefined;
    const fail = (what: string) => new Error(`trace in columns: column ${name}: ${what}`);
    if (!types.includes(c.type)) throw fail(`type ${c.type}, want ${types.join(" or ")}`);
    if (c.count !== count) throw fail(`${c.count} values, want ${count}`);
    if (c.offset % 8 !== 0) throw fail(`offset ${c.offset} is no multiple of 8`);
    if (c.offset < 0 || c.offset + count * width[c.type] > size) throw fail(`cut off: ends at byte ${c.offset + count * width[c.type]} of ${size}`);
    switch (c.type) {
      case "u8":
        return new Uint8Array(buffer, c.offset, count) as T;
      case "u16":
        return new Uint16Array(buffer, c.offset, count) as T;
      case "u32":
        return new Uint32Array(buffer, c.offset, count) as T;
      case "i32":
        return new Int32Array(buffer, c.offset, count) as T;
      case "f32":
        return new Float32Array(buffer, c.offset, count) as T;
      case "f64":
        return new Float64Array(buffer, c.offset, count) as T;
      default: // bytes8
        return new Uint32Array(buffer, c.offset, 2 * count) as unknown as T;
    }
  };
  const must = <T extends Column>(name: string, count: number, types: readonly string[]): T => {
    const c = column<T>(name, count, types);
    if (!c) throw new Error(`trace in columns: column ${name} is missing`);
    return c;
  };
  const unsigned = ["u8", "u16", "u32"];
  const duration = must<Float64Array>("duration", h.rows, ["f64"]);
  // What is stored is how long children ran, which most often is nothing; the span's own time is the rest.
  let self = column<Float32Array>("self", h.rows, ["f32"]);
  if (!self) {
    const covered = must<Float32Array>("covered", h.rows, ["f32"]);
    self = Float32Array.from(duration, (d, r) => Math.max(0, d - covered[r]));
  }
  // The pieces of the critical path follow one another without a gap.
  const pathRow = must<Int32Array>("pathRow", h.critical, ["i32"]);
  const pathLength = must<Unsigned | Float64Array>("pathLength", h.critical, [...unsigned, "f64"]);
  const pathFrom = new Float64Array(h.critical);
  const pathUntil = new Float64Array(h.critical);
  for (let i = 0, at = 0; i < h.critical; i++) {
    pathFrom[i] = at;
    // 0: as long as the span that was waited for.
    at += pathLength[i] || (pathRow[i] >= 0 && pathRow[i] < h.rows ? duration[pathRow[i]] : 0);
    pathUntil[i] = at;
  }
  const events = h.columns.find((c) => c.name === "eventRow")?.count ?? 0;
  const { traceId, startUnixNano, durationNanos, rootService, rootName, spanCount, errorCount, services, warnings, partial, why } = h;
  return {
    summary: { traceId, startUnixNano, durationNanos, rootService, rootName, spanCount, errorCount, services, warnings, partial, why },
    under: h.under ?? "",
    hidden: h.hidden ?? 0,
    names: h.names,
    rows: h.rows,
    id: must("id", h.rows, ["bytes8"]),
    parent: must("parent", h.rows, ["i32"]),
    start: must("start", h.rows, ["f64"]),
    duration,
    self,
    name: must("name", h.rows, unsigned),
    service: must("service", h.rows, unsigned),
    kind: must("kind", h.rows, ["u8"]),
    flags: must("flags", h.rows, ["u8"]),
    hiddenBelow: column("hidden", h.rows, unsigned),
    at: column("at", h.rows, unsigned),
    pathRow,
    pathFrom,
    pathUntil,
    pathIdle: column("pathIdle", h.critical, unsigned),
    eventRow: column("eventRow", events, unsigned),
    eventTime: column("eventTime", events, ["f64"]),
  };
}
