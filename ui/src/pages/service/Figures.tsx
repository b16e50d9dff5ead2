import { Delta } from "../../calls/Marks";
import { t as calls } from "../../calls/messages";
import { count, duration, percent, rate } from "../../format";
import type { Red } from "./load";
import { t } from "./messages";
import s from "./Figures.module.css";

/** The numbers of some calls, large, and what they were before. */
export function Figures({ red }: { red: Red }) {
  const { now, before, covered, to, from } = red;
  const share = now.count ? now.errors / now.count : undefined;
  const shareBefore = before.count ? before.errors / before.count : undefined;
  // Where the store does not reach back over all of the time before, what it knows of it makes the rate.
  const rateBefore = before.count && covered > 0.1 ? before.count / ((covered * (to - from)) / 1000) : undefined;
  const failsMore = red.changes.some((c) => c.what === "errors" && c.worse);
  const slower = red.changes.some((c) => (c.what === "p50" || c.what === "p90" || c.what === "p99") && c.worse);
  return (
    <dl class={s.figures}>
      <Figure name={t.rate} title={t.someCalls(count(now.count))} value={rate(now.rate)} before={rateBefore === undefined ? undefined : rate(rateBefore)} delta={<Delta now={now.rate ?? undefined} before={rateBefore} />} />
      <Figure
        name={t.errors}
        title={t.ofCalls(count(now.errors), count(now.count))}
        value={share === undefined ? "–" : percent(share)}
        failing={!!share}
        before={shareBefore === undefined ? undefined : percent(shareBefore)}
        delta={<Delta now={share} before={shareBefore} bad={failsMore ? "error" : undefined} />}
      />
      {(["p50", "p90", "p99"] as const).map((q) => (
        <Figure key={q} name={q} value={duration(now[q])} before={before[q] === undefined ? undefined : duration(before[q])} delta={<Delta now={now[q]} before={before[q]} bad={slower ? "slow" : undefined} />} />
      ))}
    </dl>
  );
}

function Figure({ name, title, value, before, delta, failing }: { name: string; title?: string; value: string; before: string | undefined; delta: preact.ComponentChildren; failing?: boolean }) {
  return (
    <div class={s.figure} title={title}>
      <dt>{name}</dt>
      <dd>
        <span class={[s.value, failing && s.failing].filter(Boolean).join(" ")}>{value}</span>
        <span class={s.before}>
          {before === undefined ? calls.notBefore : calls.before(before)} {delta}
        </span>
      </dd>
    </div>
  );
}
