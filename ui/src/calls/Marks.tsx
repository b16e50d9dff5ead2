import type { Change } from "./change";
import { axisTime } from "../format";
import { t } from "./messages";
import { arrow, mark, times, words } from "./words";
import s from "./Marks.module.css";

/** How a change looks: red if more fails, amber if it is slower, green if it got better. */
export function tone(c: Change): "error" | "slow" | "better" | "plain" {
  if (c.worse === undefined) return "plain";
  if (!c.worse) return "better";
  return c.what === "errors" ? "error" : c.what === "gone" || c.what === "silent" ? "plain" : "slow";
}

/** What changed, as small marks in a row. */
export function Marks({ changes }: { changes: readonly Change[] }) {
  return (
    <span class={s.marks}>
      {changes.map((c) => {
        const w = words(c);
        return (
          <span key={c.what} class={[s.mark, s[tone(c)]].join(" ")} title={w.from && w.to ? `${w.what} ${w.from} → ${w.to}` : w.what}>
            {mark(c)}
          </span>
        );
      })}
    </span>
  );
}

/** When a change began; nothing if that is not known. */
export function Since({ change }: { change: Change }) {
  if (change.since === undefined || change.what === "silent") return null;
  return <span class={s.since}>{t.since(axisTime(change.since, Math.max(3600e3, Date.now() - change.since)))}</span>;
}

/** A change in a sentence: errors 0.1% → 4.2%. */
export function Sentence({ change }: { change: Change }) {
  const w = words(change);
  return (
    <span class={s.sentence}>
      <span class={s.what}>{w.what}</span>
      {w.from && w.to ? (
        <>
          {" "}
          <span class={s.from}>{w.from}</span>
          <span aria-hidden="true" class={s.arrow}>
            →
          </span>
          <span class="hidden-text"> {t.to} </span>
          <strong class={s[tone(change)]}>{w.to}</strong>
        </>
      ) : (
        <> {w.from ? <span class={s.from}>{t.before(w.from)}</span> : <strong>{w.to}</strong>}</>
      )}
    </span>
  );
}

/** How a number compares with the time before, in a few characters; nothing if it is about the same. */
export function Delta({ now, before, from = 1.1, bad }: { now: number | undefined; before: number | undefined; from?: number; bad?: "error" | "slow" }) {
  if (!now || !before || Math.max(now / before, before / now) < from) return null;
  return (
    <span class={[s.delta, bad && now / before >= 1.3 && s[bad]].filter(Boolean).join(" ")}>
      {arrow(now, before)}
      {times(now, before)}
    </span>
  );
}
