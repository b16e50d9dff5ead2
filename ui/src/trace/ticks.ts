/** A mark of a time axis. */
export interface Tick {
  at: number; // nanoseconds
  label: string;
}

const units = [
  { ns: 1, name: "ns" },
  { ns: 1e3, name: "µs" },
  { ns: 1e6, name: "ms" },
  { ns: 1e9, name: "s" },
  { ns: 60e9, name: "m" },
  { ns: 3600e9, name: "h" },
] as const;

/** Distances between marks: 1, 2 and 5 times a power of ten, and what divides minutes and hours. */
function step(wanted: number): number {
  if (wanted > 1e9) {
    for (const s of [2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]) if (s * 1e9 >= wanted) return s * 1e9;
    return Math.ceil(wanted / 86400e9) * 86400e9;
  }
  const power = 10 ** Math.floor(Math.log10(Math.max(wanted, 1)));
  for (const m of [1, 2, 5]) if (m * power >= wanted * 0.999) return m * power;
  return 10 * power;
}

/** About as many marks as asked for at round times, all in one unit with as many digits as tell them apart. */
export function ticks(from: number, until: number, about: number): Tick[] {
  const width = until - from;
  if (!(width > 0) || about < 1) return [];
  const by = step(width / about);
  const largest = Math.max(Math.abs(from), Math.abs(until));
  let unit = units[0] as (typeof units)[number];
  for (const u of units) if (largest >= u.ns && (u.ns < 60e9 || by >= u.ns)) unit = u;
  const digits = Math.min(9, Math.max(0, Math.ceil(-Math.log10(by / unit.ns) - 1e-9)));
  const list: Tick[] = [];
  for (let i = Math.ceil(from / by - 1e-9); i * by <= until + by * 1e-9; i++) {
    const at = i * by;
    list.push({ at, label: at === 0 ? "0" : `${(at / unit.ns).toFixed(digits).replace("-", "−")} ${unit.name}` });
  }
  return list;
}

/** A time within the trace to the digits that a pixel is worth. */
export function precise(at: number, perPixel: number): string {
  const abs = Math.abs(at);
  let unit = units[0] as (typeof units)[number];
  for (const u of units.slice(0, 4)) if (abs >= u.ns) unit = u;
  const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(Math.max(perPixel, 1) / unit.ns))));
  return `${(at / unit.ns).toFixed(digits).replace("-", "−")} ${unit.name}`;
}
