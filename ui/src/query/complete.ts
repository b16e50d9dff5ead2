import { fieldKey, tokens, type Token } from "./tokens";

/** What can stand at a place of a query. */
export type Expects = "condition" | "comparison" | "in or exists" | "value" | "list" | "value in list" | "comma" | "conjunction";

export interface Place {
  expects: Expects;
  field: string; // that the value or comparison is of
  op: string;
  from: number; // the text that a suggestion replaces
  to: number;
  typed: string; // what of it stands before the caret, without quotes
  depth: number; // of parentheses
}

/** What is expected where the caret stands, and which text a suggestion there replaces. */
export function placeAt(text: string, caret: number): Place {
  const all = tokens(text);
  // The token that the caret is in, or at the end of, is what is being typed.
  const at = all.find((t) => t.at < caret && caret <= t.end && !(t.kind === "punct") && !(t.kind === "op" && caret === t.end) && !(t.kind === "string" && !t.open && caret === t.end));
  const before = all.filter((t) => t.end <= caret && t !== at);
  let expects: Expects = "condition";
  let field = "";
  let op = "";
  let depth = 0;
  const start = (t: Token) => {
    if (t.kind === "string") expects = "conjunction";
    else {
      field = fieldKey(t);
      op = "";
      expects = "comparison";
    }
  };
  const connect = (t: Token): boolean => {
    if (t.kind === "keyword" && (t.text === "and" || t.text === "or" || t.text === "not")) expects = "condition";
    else if (t.kind === "punct" && t.text === "(") {
      depth++;
      expects = "condition";
    } else if (t.kind === "punct" && t.text === ")") {
      depth = Math.max(0, depth - 1);
      expects = "conjunction";
    } else return false;
    return true;
  };
  for (const [n, t] of before.entries()) {
    const operand = t.kind === "word" || t.kind === "string" || t.kind === "field";
    const e = expects as Expects;
    switch (e) {
      case "condition":
      case "conjunction":
        if (!connect(t) && operand) start(t);
        break;
      case "comparison": {
        const next = before[n + 1] ?? at;
        if (t.kind === "op") [op, expects] = [t.text, "value"];
        else if (t.kind === "keyword" && t.text === "in") [op, expects] = ["in", "list"];
        else if (t.kind === "keyword" && t.text === "exists") expects = "conjunction";
        else if (t.kind === "keyword" && t.text === "not" && (!next || (next.kind === "keyword" && (next.text === "in" || next.text === "exists")))) expects = "in or exists";
        else if (!connect(t) && operand) start(t);
        break;
      }
      case "in or exists":
        if (t.kind === "keyword" && t.text === "in") [op, expects] = ["not in", "list"];
        else if (t.kind === "keyword" && t.text === "exists") expects = "conjunction";
        else if (!connect(t) && operand) start(t);
        break;
      case "value":
        expects = operand ? "conjunction" : e;
        break;
      case "list":
        if (t.text === "(") expects = "value in list";
        break;
      case "value in list":
        if (operand) expects = "comma";
        else if (t.text === ")") expects = "conjunction";
        break;
      case "comma":
        if (t.text === ",") expects = "value in list";
        else if (t.text === ")") expects = "conjunction";
        break;
    }
  }
  const typed = !at ? "" : at.kind === "string" ? tokens(text.slice(at.at, caret))[0].text : text.slice(at.at, caret);
  return { expects, field, op, from: at ? at.at : caret, to: at ? (at.kind === "op" ? caret : at.end) : caret, typed, depth };
}

/** The text with a suggestion in it, and where the caret is then. */
export function insert(text: string, place: Place, what: string): { text: string; caret: number } {
  const before = text.slice(0, place.from);
  const after = text.slice(place.to).replace(/^\s+/, "");
  const gap = before && !/[\s(]$/.test(before) && what !== "," && what !== ")" ? " " : "";
  const put = before.replace(what === "," || what === ")" ? /\s+$/ : /$/, "") + gap + what + " ";
  return { text: put + after, caret: put.length };
}

/** How well a suggestion fits what was typed: 0 not at all, more is better. Case does not matter. */
export function fit(candidate: string, typed: string): number {
  if (!typed) return 1;
  const c = candidate.toLowerCase();
  const t = typed.toLowerCase();
  if (c === t) return 5;
  if (c.startsWith(t)) return 4;
  const i = c.indexOf(t);
  if (i < 0) return 0;
  return /[._\-/ ]/.test(c[i - 1]) ? 3 : 2;
}
