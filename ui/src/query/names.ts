import type { Keys } from "../api/types";
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
