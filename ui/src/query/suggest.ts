import type { Values } from "../api/types";
import { count, shortId } from "../format";
import { fit, placeAt, type Place } from "./complete";
import type { FieldInfo } from "./names";
import { fieldNotes, operatorNotes, t, wordNotes } from "./messages";
import { intrinsics, quoteValue } from "./tokens";

/** Something that can be put where the caret is. */
export interface Suggestion {
  kind: "field" | "op" | "value" | "word" | "trace" | "query";
  text: string; // what is put there; of a trace: its id
  shown: string;
  note: string;
}

const ordered = ["=", "!=", "in (", "not in (", "exists", "not exists"];
const numeric = [">=", "<", ">", "<="];
const textual = ["^=", "*=", "=~", "!~"];

function operatorsOf(field: string, type: string): string[] {
  switch (field) {
    case "duration":
      return [">=", "<", ">", "<=", "=", "!="];
    case "kind":
    case "status":
      return ["=", "!=", "in (", "not in ("];
    case "trace":
    case "span":
      return ["=", "!=", "in ("];
    case "parent":
      return ["exists", "not exists", "=", "!=", "in ("];
  }
  if ((intrinsics as readonly string[]).includes(field)) return [...ordered.slice(0, 4), ...textual, "exists", "not exists"];
  if (type === "int" || type === "float") return ["=", "!=", ...numeric, "in (", "not in (", ...textual, "exists", "not exists"];
  return [...ordered.slice(0, 4), ...textual, ...(type === "" ? numeric : []), "exists", "not exists"];
}

const kinds = ["server", "client", "internal", "producer", "consumer", "unspecified"];
const statuses = ["error", "ok", "unset"];
const lengths = ["1ms", "10ms", "50ms", "100ms", "250ms", "500ms", "1s", "5s", "30s"];
const units = ["ms", "s", "us", "m", "h", "ns"];

/** Which values of which field the suggestions at a place need from the server. */
export function needsValues(place: Place): { field: string; prefix: string } | undefined {
  if (place.expects !== "value" && place.expects !== "value in list") return undefined;
  if (["duration", "kind", "status", "trace", "span", "parent"].includes(place.field)) return undefined;
  if (["=~", "!~", "<", "<=", ">", ">="].includes(place.op)) return undefined;
  return { field: place.field, prefix: place.typed };
}

/** The id of a trace or span that the whole text is. */
export function pastedId(text: string): string {
  const id = text.trim().toLowerCase();
  return /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/.test(id) && /[0-9]/.test(id) ? id : "";
}

export interface Known {
  fields: readonly FieldInfo[];
  values: Pick<Values, "values" | "more"> | undefined; // of the field at the place
  traces: boolean; // offer to open a trace
}

/** What fits at the caret, the best first. */
export function suggest(text: string, caret: number, known: Known): Suggestion[] {
  const id = known.traces ? pastedId(text) : "";
  if (id) {
    const open: Suggestion = { kind: "trace", text: id.padStart(32, "0"), shown: t.openTrace(shortId(id) + "…"), note: "" };
    return id.length === 32 ? [open, query(`trace = ${id}`)] : [query(`span = ${id}`), open];
  }
  const place = placeAt(text, caret);
  const words = (...list: string[]) => list.map((w): Suggestion => ({ kind: "word", text: w, shown: w, note: wordNotes[w as keyof typeof wordNotes] ?? "" }));
  switch (place.expects) {
    case "condition":
      return [...best(fields(known.fields), place.typed, 40), ...(place.typed ? best(words("not"), place.typed, 1) : words("not", "("))];
    case "comparison":
      return best([...operators(place, known.fields), ...words("and", "or")], place.typed, 20);
    case "in or exists":
      return best([op("in ("), op("exists")], place.typed, 2);
    case "list":
      return words("(");
    case "value":
    case "value in list":
      return values(place, known);
    case "comma":
      return words(",", ")");
    case "conjunction": {
      const join = words("and", "or", ...(place.depth > 0 ? [")"] : []));
      return place.typed ? [...best(join, place.typed, 3), ...best(fields(known.fields), place.typed, 20)] : join;
    }
  }
}

function query(text: string): Suggestion {
  return { kind: "query", text, shown: text, note: "" };
}

function op(text: string): Suggestion {
  const name = text.replace(" (", "");
  return { kind: "op", text, shown: name, note: operatorNotes[name as keyof typeof operatorNotes] ?? "" };
}

function operators(place: Place, known: readonly FieldInfo[]): Suggestion[] {
  const type = known.find((f) => f.field === place.field)?.type ?? "";
  return operatorsOf(place.field, type).map(op);
}

function fields(known: readonly FieldInfo[]): Suggestion[] {
  return [
    ...intrinsics.map((field): Suggestion => ({ kind: "field", text: field, shown: field, note: fieldNotes[field] })),
    ...known.map((f): Suggestion => ({ kind: "field", text: f.field, shown: f.field, note: f.spans > 0 ? t.spans(count(f.spans)) : f.type })),
  ];
}

function values(place: Place, known: Known): Suggestion[] {
  const fixed = (list: readonly string[]) => best(list.map((v): Suggestion => ({ kind: "value", text: v, shown: v, note: "" })), place.typed, 12);
  if (place.field === "kind") return fixed(kinds);
  if (place.field === "status") return fixed(statuses);
  if (place.field === "duration") return /^[0-9.]+$/.test(place.typed) ? fixed(units.map((u) => place.typed + u)) : fixed(lengths);
  if (!needsValues(place)) return [];
  const list = known.values?.values ?? [];
  return best(
    list.map((v): Suggestion => ({ kind: "value", text: quoteValue(v.value, v.type), shown: v.value, note: t.spans(count(v.spans)) })),
    place.typed,
    30,
  );
}

function best(list: Suggestion[], typed: string, most: number): Suggestion[] {
  const fits = list.map((s, n) => ({ s, n, fit: fit(s.shown, typed) })).filter((x) => x.fit > 0);
  fits.sort((a, b) => b.fit - a.fit || a.n - b.n);
  // A suggestion that is there already helps nobody.
  return fits.filter((x) => x.s.text !== typed).slice(0, most).map((x) => x.s);
}
