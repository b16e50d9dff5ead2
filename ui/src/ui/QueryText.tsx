import type { ComponentChildren } from "preact";
import { tokens, type Token } from "../query/tokens";
import s from "./QueryText.module.css";

/** A query in the colours of its parts, as it stands beside others. */
export function QueryText({ text }: { text: string }) {
  return (
    <code class={s.text}>
      <Colored text={text} />
    </code>
  );
}

/** The same for what lies behind an input field: character by character. fault: where the query is wrong. */
export function Colored({ text, fault }: { text: string; fault?: number }) {
  const list = tokens(text);
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const [n, t] of list.entries()) {
    if (t.at > at) parts.push(text.slice(at, t.at));
    const wrong = fault !== undefined && ((fault >= t.at && fault < t.end) || (n === list.length - 1 && fault >= t.end));
    parts.push(
      <span key={n} class={[s[kindOf(list, n)], wrong && s.wrong].filter(Boolean).join(" ")}>
        {text.slice(t.at, t.end)}
      </span>,
    );
    at = t.end;
  }
  parts.push(text.slice(at));
  return <>{parts}</>;
}

function kindOf(list: readonly Token[], n: number): string {
  const t = list[n];
  if (t.kind !== "word") return t.kind;
  const after = list[n + 1]?.text === "not" && list[n + 1].kind === "keyword" ? list[n + 2] : list[n + 1];
  if (after?.kind === "op" ? after === list[n + 1] : after?.kind === "keyword" && (after.text === "in" || after.text === "exists")) return "field";
  return "word";
}
