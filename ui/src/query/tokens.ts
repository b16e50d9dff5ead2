import { attributeField, quote } from "../query";

// The query language (docs/guide/query.md) as far as its text is coloured, completed and edited here. Whether a query is
// right only the server says; what reads it here must get along with any text, also one that is half typed.

export type TokenKind =
  | "word" // letters, digits and some signs, as they stand
  | "string" // in quotes
  | "field" // a prefix such as span. and a key in quotes
  | "op" // a comparison
  | "punct" // ( ) ,
  | "keyword" // and or not in exists
  | "bad"; // what has no place in a query without quotes

export interface Token {
  kind: TokenKind;
  at: number; // in UTF-16 units, as all places here
  end: number;
  text: string; // word, bad: as it stands; string, field: without quotes; keyword, op: as it is usually written
  prefix: string; // of a field
  open: boolean; // a quote that is not closed
}

const space = /\s/;
const wordRun = /[\p{L}\p{Nd}\p{Mn}_.\-/:@$%+#]+/uy;
const words = new Set(["and", "or", "not", "in", "exists"]);
const prefixes = new Set([".", "span.", "resource.", "event.", "scope."]);
// Longer ones stand before those that they start with.
const ops = ["<=", ">=", "!=", "!~", "=~", "^=", "*=", "==", "&&", "||", "<", ">", "=", "!"];
const sameAs: Record<string, [TokenKind, string]> = { "&&": ["keyword", "and"], "||": ["keyword", "or"], "!": ["keyword", "not"], "==": ["op", "="] };

/** The tokens of a query. Any text has some; what cannot stand in a query is of kind "bad". */
export function tokens(text: string): Token[] {
  const list: Token[] = [];
  let i = 0;
  const add = (kind: TokenKind, end: number, value: string, prefix = "", open = false) => {
    list.push({ kind, at: i, end, text: value, prefix, open });
    i = end;
  };
  while (i < text.length) {
    const c = text[i];
    if (space.test(c)) {
      i++;
      continue;
    }
    if (c === "(" || c === ")" || c === ",") {
      add("punct", i + 1, c);
      continue;
    }
    if (c === '"' || c === "'" || c === "`") {
      const q = quoted(text, i);
      add("string", q.end, q.text, "", q.open);
      continue;
    }
    const op = ops.find((o) => text.startsWith(o, i));
    if (op) {
      const [kind, value] = sameAs[op] ?? (["op", op] as const);
      add(kind, i + op.length, value);
      continue;
    }
    wordRun.lastIndex = i;
    const word = wordRun.exec(text)?.[0];
    if (!word) {
      const one = String.fromCodePoint(text.codePointAt(i)!);
      add("bad", i + one.length, one);
      continue;
    }
    const after = text[i + word.length];
    if (prefixes.has(word) && (after === '"' || after === "'" || after === "`")) {
      const q = quoted(text, i + word.length);
      add("field", q.end, q.text, word, q.open);
    } else if (words.has(word.toLowerCase())) {
      add("keyword", i + word.length, word.toLowerCase());
    } else {
      add("word", i + word.length, word);
    }
  }
  return list;
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };

function quoted(text: string, at: number): { text: string; end: number; open: boolean } {
  const quote = text[at];
  let s = "";
  let i = at + 1;
  while (i < text.length && text[i] !== quote) {
    if (text[i] !== "\\" || quote === "`" || i + 1 >= text.length) {
      s += text[i++];
      continue;
    }
    const c = text[i + 1];
    const hex = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(text.slice(i + 1, i + 10));
    const code = hex ? parseInt(hex[1] ?? hex[2] ?? hex[3], 16) : -1;
    if (hex && code <= 0x10ffff) {
      s += String.fromCodePoint(code);
      i += 1 + hex[0].length;
    } else {
      s += escapes[c] ?? c;
      i += 2;
    }
  }
  return i < text.length ? { text: s, end: i + 1, open: false } : { text: s, end: text.length, open: true };
}

/** Whether a text can stand in a query without quotes, in every version of Unicode. */
function isPlain(s: string): boolean {
  return /^[A-Za-z0-9_.\-/:@$%+#\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3]+$/.test(s) && !words.has(s.toLowerCase());
}

/** Whether a word reads as a number, truth, duration or size, so that without quotes it is more than a text. */
function looksTyped(s: string): boolean {
  return s === "true" || s === "false" || /^[-+.]?[0-9]/.test(s);
}

/**
 * A value as it is written in a query. type is what the server says that it is: a "string" that looks like a number is put
 * in quotes, so that it finds the text alone; without a type it finds both.
 */
export function quoteValue(value: string, type = ""): string {
  if (isPlain(value) && !(type === "string" && looksTyped(value))) return value;
  return quote(value);
}

export const intrinsics = ["service", "name", "kind", "status", "message", "duration", "trace", "span", "parent", "scope", "scope.version", "event"] as const;

const alsoIntrinsic: Record<string, string> = { "status.message": "message", "trace.id": "trace", "span.id": "span", "parent.id": "parent", "scope.name": "scope", "event.name": "event" };

export function isIntrinsic(word: string): boolean {
  return (intrinsics as readonly string[]).includes(word) || word in alsoIntrinsic;
}

/** One text for all ways to write one field: http.route and .http.route are the same. */
export function fieldKey(t: Pick<Token, "kind" | "text" | "prefix">): string {
  if (t.kind === "field") return attributeField(t.text, t.prefix.slice(0, -1) as "");
  if (t.text in alsoIntrinsic) return alsoIntrinsic[t.text];
  if (t.text.startsWith(".") && t.text.length > 1) return attributeField(t.text.slice(1));
  return t.text;
}

/** The place in UTF-16 units of a column that the server names: in characters, from 1. */
export function columnToIndex(text: string, column: number): number {
  let i = 0;
  for (let n = 1; n < column && i < text.length; n++) i += text.codePointAt(i)! > 0xffff ? 2 : 1;
  return i;
}
