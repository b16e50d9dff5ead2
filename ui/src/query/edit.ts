import { fieldKey, isIntrinsic, quoteValue, tokens, type Token } from "./tokens";

/** One of the conditions that all have to hold: what stands between the "and"s of the query, outside of parentheses. */
export interface Condition {
  at: number; // where its text is in the query
  end: number;
  text: string;
  /** What it compares, if it is one comparison; not set for groups and text to look for. */
  field?: string;
  op?: string; // "=", "in", "exists", …
  values: string[]; // without quotes
  negated: boolean; // by "not", "!=" or "not in"
}

/**
 * The conditions of a query that all have to hold. A query whose outermost operator is "or" is one condition. undefined:
 * the text is not well formed, so that nothing can be said.
 */
export function conditions(text: string): Condition[] | undefined {
  const list = tokens(text);
  let i = 0;
  const is = (kind: Token["kind"], value: string) => list[i]?.kind === kind && list[i].text === value;
  const isOperand = () => ["word", "string", "field"].includes(list[i]?.kind ?? "");
  let depth = 0;
  const failed = Symbol();

  function value(): string {
    if (list[i]?.kind !== "word" && list[i]?.kind !== "string") throw failed;
    return list[i++].text;
  }
  function valueList(): string[] {
    i++; // in
    if (!is("punct", "(")) throw failed;
    const all: string[] = [];
    do {
      i++;
      all.push(value());
    } while (is("punct", ","));
    if (!is("punct", ")")) throw failed;
    i++;
    return all;
  }
  function condition(): Omit<Condition, "at" | "end" | "text"> {
    depth++;
    if (depth > 100) throw failed; // as the server does
    const c = one();
    depth--;
    return c;
  }
  function one(): Omit<Condition, "at" | "end" | "text"> {
    if (is("keyword", "not")) {
      i++;
      const c = condition();
      return { ...c, negated: !c.negated };
    }
    if (is("punct", "(")) {
      i++;
      const from = i;
      const inside = or();
      if (!is("punct", ")")) throw failed;
      i++;
      return inside.length === 1 && from < i ? inside[0] : { values: [], negated: false };
    }
    if (!isOperand()) throw failed;
    const t = list[i++];
    const field = t.kind === "string" ? undefined : fieldKey(t);
    if (field === undefined) return { values: [], negated: false };
    const next = list[i];
    if (next?.kind === "op") {
      i++;
      const negated = next.text === "!=" || next.text === "!~";
      return { field, op: negated ? (next.text === "!=" ? "=" : "=~") : next.text, values: [value()], negated };
    }
    if (is("keyword", "exists")) {
      i++;
      return { field, op: "exists", values: [], negated: false };
    }
    if (is("keyword", "in")) return { field, op: "in", values: valueList(), negated: false };
    if (is("keyword", "not")) {
      i++;
      if (is("keyword", "in")) return { field, op: "in", values: valueList(), negated: true };
      if (is("keyword", "exists")) {
        i++;
        return { field, op: "exists", values: [], negated: true };
      }
      i--;
    }
    return { values: [], negated: false };
  }
  function and(): Condition[] {
    const all: Condition[] = [];
    for (;;) {
      const first = i;
      const c = condition();
      const at = list[first].at;
      const end = list[i - 1].end;
      all.push({ ...c, at, end, text: text.slice(at, end) });
      if (is("keyword", "and")) i++;
      else if (!is("keyword", "not") && !is("punct", "(") && !isOperand()) return all;
    }
  }
  function or(): Condition[] {
    const first = i;
    const all = and();
    if (!is("keyword", "or")) return all;
    while (is("keyword", "or")) {
      i++;
      and();
    }
    const at = list[first].at;
    const end = list[i - 1].end;
    return [{ at, end, text: text.slice(at, end), values: [], negated: false }];
  }

  if (list.some((t) => t.kind === "bad" || t.open)) return undefined;
  if (list.length === 0) return [];
  try {
    const all = or();
    return i === list.length ? all : undefined;
  } catch (e) {
    if (e === failed) return undefined;
    throw e;
  }
}

/** Whether a condition has to be put in parentheses before another one joins it. */
function isOr(c: string): boolean {
  let depth = 0;
  return tokens(c).some((t) => {
    if (t.kind === "punct" && t.text === "(") depth++;
    if (t.kind === "punct" && t.text === ")") depth--;
    return depth === 0 && t.kind === "keyword" && t.text === "or";
  });
}

function joined(list: readonly string[]): string {
  if (list.length === 1) return list[0];
  return list.map((c) => (isOr(c) ? `(${c})` : c)).join(" and ");
}

/** The query with one more condition that has to hold. It stays as it is if it has the condition already. */
export function addCondition(query: string, added: string): string {
  const have = conditions(query);
  if (!added.trim()) return query;
  if (!have) return query.trim() ? `(${query.trim()}) and ${isOr(added) ? `(${added})` : added}` : added;
  if (have.some((c) => c.text === added)) return query;
  return joined([...have.map((c) => c.text), added]);
}

/** The query without the conditions that a test picks. */
export function removeConditions(query: string, which: (c: Condition) => boolean): string {
  const have = conditions(query);
  if (!have) return query;
  const left = have.filter((c) => !which(c));
  return left.length === have.length ? query : joined(left.map((c) => c.text));
}

/** The query without one of its conditions, as it stands in it. */
export function removeCondition(query: string, text: string): string {
  return removeConditions(query, (c) => c.text === text);
}

function replaceOrAdd(query: string, which: (c: Condition) => boolean, text: string): string {
  const have = conditions(query);
  if (!have) return addCondition(query, text);
  const first = have.findIndex(which);
  if (first < 0) return addCondition(query, text);
  return joined(have.flatMap((c, n) => (n === first ? [text] : which(c) ? [] : [c.text])));
}

/** Whether a condition says which values a field is to have. */
export function chooses(c: Condition, field: string): boolean {
  return c.field === field && !c.negated && (c.op === "=" || c.op === "in");
}

function leavesOut(c: Condition, field: string): boolean {
  return c.field === field && c.negated && (c.op === "=" || c.op === "in");
}

/** The values that a query wants a field to have, and those that it does not want. */
export function chosen(query: string, field: string): { in: string[]; out: string[] } {
  const have = conditions(query) ?? [];
  return {
    in: have.filter((c) => chooses(c, field)).flatMap((c) => c.values),
    out: have.filter((c) => leavesOut(c, field)).flatMap((c) => c.values),
  };
}

/** The query that wants a field to have one of the values; of none: whatever its value. type: of the values, as the server says. */
export function setValues(query: string, field: string, values: readonly string[], type = ""): string {
  const mine = (c: Condition) => chooses(c, field);
  if (values.length === 0) return removeConditions(query, mine);
  const written = values.map((v) => quoteValue(v, type));
  return replaceOrAdd(query, mine, written.length === 1 ? `${field} = ${written[0]}` : `${field} in (${written.join(", ")})`);
}

/** Adds a value to those that a field may have, or takes it away again. */
export function toggleValue(query: string, field: string, value: string, type = ""): string {
  const now = chosen(query, field).in;
  const left = removeConditions(query, (c) => leavesOut(c, field) && c.values.length === 1 && c.values[0] === value);
  return setValues(left, field, now.includes(value) ? now.filter((v) => v !== value) : [...now, value], type);
}

/** Leaves out the spans that have a value, or takes that back. Spans that do not have the field at all stay in. */
export function excludeValue(query: string, field: string, value: string, type = ""): string {
  const now = chosen(query, field);
  const already = (c: Condition) => leavesOut(c, field) && c.values.length === 1 && c.values[0] === value;
  if (now.out.includes(value)) return removeConditions(query, already);
  const rest = now.in.includes(value) ? setValues(query, field, now.in.filter((v) => v !== value), type) : query;
  const written = quoteValue(value, type);
  return addCondition(rest, isIntrinsic(field) ? `${field} != ${written}` : `not ${field} = ${written}`);
}

/** The shortest and the longest duration that a query asks for, as they are written, and how they are compared; "" where it does not. */
export function durations(query: string): { min: string; max: string; above: string; below: string } {
  const have = (conditions(query) ?? []).filter((c) => c.field === "duration" && !c.negated);
  const low = have.find((c) => c.op === ">=" || c.op === ">");
  const high = have.find((c) => c.op === "<=" || c.op === "<");
  return { min: low?.values[0] ?? "", max: high?.values[0] ?? "", above: low?.op ?? "", below: high?.op ?? "" };
}

/** The query for durations from min up to, but not, max; "" leaves an end open. */
export function setDurations(query: string, min: string, max: string): string {
  const low = (c: Condition) => c.field === "duration" && !c.negated && (c.op === ">=" || c.op === ">");
  const high = (c: Condition) => c.field === "duration" && !c.negated && (c.op === "<=" || c.op === "<");
  const q = min ? replaceOrAdd(query, low, `duration >= ${min}`) : removeConditions(query, low);
  return max ? replaceOrAdd(q, high, `duration < ${max}`) : removeConditions(q, high);
}
