import type { Trace } from "./trace";

/** The rows that a search within the trace found. */
export interface Hits {
  mask: Uint8Array; // per row: 1 for a hit
  rows: Int32Array; // ascending
}

export function hitsOf(mask: Uint8Array): Hits {
  let n = 0;
  for (const m of mask) n += m;
  const rows = new Int32Array(n);
  for (let r = 0, k = 0; k < n; r++) if (mask[r]) rows[k++] = r;
  return { mask, rows };
}

/**
 * The words of a text that needs no more than names and services, as the query language understands it: each word is
 * somewhere in one of them, whatever its case. Undefined if it is a query that the server must answer.
 */
export function words(text: string): string[] | undefined {
  if (/[=<>!~()"'`,&|^*]/.test(text) || /(^|\s)(and|or|not|in|exists)(\s|$)/i.test(text)) return undefined;
  return split(text);
}

/** The words of a text that looked like a query and is none, such as "sign in" or "Close()"; undefined if it was meant as one. */
export function plainWords(text: string): string[] | undefined {
  return /[=<>~"'`]/.test(text) ? undefined : split(text);
}

function split(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** The rows with all words in their name or service. */
export function findWords(trace: Trace, list: readonly string[]): Hits {
  const mask = new Uint8Array(trace.count).fill(list.length > 0 ? 1 : 0);
  for (const word of list) {
    const names = Uint8Array.from(trace.names, (n) => (n.toLowerCase().includes(word) ? 1 : 0));
    const services = Uint8Array.from(trace.services, (n) => (n.toLowerCase().includes(word) ? 1 : 0));
    for (let r = 0; r < trace.count; r++) mask[r] &= names[trace.name[r]] | services[trace.service[r]];
  }
  return hitsOf(mask);
}

/** The rows of spans by their ids, and how many of them are not among the rows. */
export function findIds(trace: Trace, ids: readonly string[]): { hits: Hits; hidden: string[] } {
  const mask = new Uint8Array(trace.count);
  const hidden: string[] = [];
  for (const id of ids) {
    const r = trace.row(id);
    if (r < 0) hidden.push(id);
    else mask[r] = 1;
  }
  return { hits: hitsOf(mask), hidden };
}

/** The next hit after a row, or before it if step is -1, round the end; -1 if there is none. */
export function nextHit(rows: Int32Array, row: number, step: 1 | -1): number {
  if (rows.length === 0) return -1;
  let lo = 0;
  let hi = rows.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (step > 0 ? rows[mid] <= row : rows[mid] < row) lo = mid + 1;
    else hi = mid;
  }
  const i = step > 0 ? lo : lo - 1;
  return rows[(i + rows.length) % rows.length];
}
