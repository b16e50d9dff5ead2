/** Conditions in the query language (docs/guide/query.md), written so that they mean exactly the value that they were made from. */

export type Op = "=" | "!=" | "<" | "<=" | ">" | ">=" | "^=" | "*=" | "=~" | "!~";

/** Where an attribute is looked for; "" is the span or else its resource. */
export type AttributeScope = "" | "span" | "resource" | "event" | "scope";

const plain = /^[\p{L}\p{Nd}\p{Mn}_.\-/:@$%+#]+$/u;
const keyword = /^(and|or|not|in|exists)$/i;
const intrinsics = new Set(["service", "name", "kind", "status", "message", "status.message", "duration", "trace", "trace.id", "span", "span.id", "parent", "parent.id", "scope", "scope.name", "scope.version", "event", "event.name"]);
const prefixed = /^(?:\.|span\.|resource\.|event\.|scope\.)./;

// Controls, and what cannot be seen or changes the direction of a text, would make a query unreadable.
const odd = /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text in quotes, with the escapes that the server reads. */
export function quote(text: string): string {
  return JSON.stringify(text.replace(/\p{Surrogate}/gu, "\ufffd")).replace(odd, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

/** The field of an attribute, as a query names it; "" if it has no name that a query could have (the empty key). */
export function attributeField(key: string, scope: AttributeScope = ""): string {
  if (key === "") return "";
  const word = plain.test(key) && !keyword.test(key);
  if (scope === "") {
    if (word && !intrinsics.has(key) && !prefixed.test(key)) return key;
    return word ? "." + key : "." + quote(key);
  }
  const whole = `${scope}.${key}`;
  return word && !intrinsics.has(whole) ? whole : `${scope}.${quote(key)}`;
}

// What the server would take for a number, a truth, a duration or a size if it had no quotes.
const otherType = /^[-+.]?[0-9]|^(true|false|inf|infinity|nan)$/i;

/** A value as a query writes it: text in quotes unless it is a plain word, so that "500" is not taken for 500. */
export function value(v: string | number | boolean): string {
  if (typeof v !== "string") return String(v);
  if (/^-?[0-9]{16,19}$/.test(v)) return v; // an integer beyond 2^53, or a text like it: without quotes it is either
  return plain.test(v) && !keyword.test(v) && !otherType.test(v) ? v : quote(v);
}

/** One condition. Field is one of the language's words, or what attributeField returned. A duration comes as queryDuration writes it. */
export function condition(field: string, op: Op, v: string | number | boolean): string {
  return `${field} ${op} ${field === "duration" ? v : value(v)}`;
}

/** Conditions that all have to hold; empty ones are left out. */
export function and(...conditions: (string | undefined)[]): string {
  return conditions.filter(Boolean).join(" and ");
}
