import { get } from "../api/client";
import type { Keys, Values } from "../api/types";
import type { Range } from "../range";
import { shortFields, type FieldInfo } from "./names";

export { shorten, type FieldInfo } from "./names";

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

/** Suggestions from the spans of a time range. */
export function rangeSource(range: () => Range): Source {
  return {
    keys: () => rangeKeys(range()),
    values: (field, prefix, signal) => get<Values>("/values", { field, prefix, from: range().from, to: range().to, limit: 30 }, signal),
  };
}
