import { get } from "../api/client";
import type { Keys, Values } from "../api/types";
import type { Range } from "../range";
import { distinguish } from "../theme/service";
import { fieldKey, isIntrinsic, tokens } from "./tokens";

/** A field as it is best written in a query. */
export interface FieldInfo {
  field: string;
  type: string;
  spans: number; // that have it, of those that were looked at
}

/**
 * Fields by their shortest names: http.route for what only spans or only resources have, while a key that both have can be
 * asked for in either, too.
 */
export function shortFields(keys: Keys["keys"]): FieldInfo[] {
  const byKey = new Map<string, { key: Keys["keys"][number]; short: string }[]>();
  const list: FieldInfo[] = [];
  for (const key of keys) {
    const t = tokens(key.field)[0];
    const short = t && (key.scope === "span" || key.scope === "resource") ? shorten(key.field) : key.field;
    if (short === key.field) list.push({ field: key.field, type: key.type, spans: key.spans });
    else byKey.set(short, [...(byKey.get(short) ?? []), { key, short }]);
  }
  for (const [short, all] of byKey) {
    const spans = Math.max(...all.map((a) => a.key.spans));
    list.push({ field: short, type: all[0].key.type, spans });
    if (all.length > 1) for (const a of all) list.push({ field: a.key.field, type: a.key.type, spans: a.key.spans });
  }
  return list.sort((a, b) => b.spans - a.spans || (a.field < b.field ? -1 : 1));
}

/** http.route for span.http.route; the field as it is if its key without the prefix means something else. */
export function shorten(field: string): string {
  const t = tokens(field)[0];
  if (!t || t.end !== field.length) return field;
  if (t.kind === "field") return t.prefix === "span." || t.prefix === "resource." ? fieldKey({ ...t, prefix: "." }) : field;
  const key = /^(?:span|resource)\.(.+)$/.exec(t.text)?.[1];
  if (!key || isIntrinsic(t.text)) return field;
  const short = isIntrinsic(key) || /^(span|resource|event|scope)?\../.test(key) ? "." + key : key;
  return short;
}

/** Where suggestions come from. */
export interface Source {
  keys: () => Promise<FieldInfo[]>;
  values: (field: string, prefix: string, signal: AbortSignal) => Promise<Pick<Values, "values" | "more">>;
}

const kept = new Map<string, { at: number; keys: Promise<FieldInfo[]> }>();
const keepFor = 5 * 60e3;

/** The fields of the spans of a time range. Asking for them is expensive, so the answer is kept for some minutes. */
export function rangeKeys(r: Range): Promise<FieldInfo[]> {
  const id = `${r.from} ${r.to}`;
  const known = kept.get(id);
  if (known && Date.now() - known.at < keepFor) return known.keys;
  const keys = get<Keys>("/keys", { from: r.from, to: r.to, limit: 1000 }).then((a) => shortFields(a.keys));
  if (kept.size > 20) kept.clear();
  kept.set(id, { at: Date.now(), keys });
  keys.catch(() => kept.delete(id));
  return keys;
}

/** The services of a time range get colours of their own. */
export async function colorServices(r: Range, signal: AbortSignal): Promise<void> {
  const all = await get<Values>("/values", { field: "service", from: r.from, to: r.to, limit: 200 }, signal);
  distinguish(all.values.map((v) => v.value).sort());
}

/** Suggestions from the spans of a time range. */
export function rangeSource(range: () => Range): Source {
  return {
    keys: () => rangeKeys(range()),
    values: (field, prefix, signal) => get<Values>("/values", { field, prefix, from: range().from, to: range().to, limit: 30 }, signal),
  };
}
