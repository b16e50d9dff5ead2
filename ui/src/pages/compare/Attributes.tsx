import { get, useLoad } from "../../api/client";
import type { Differences } from "../../api/types";
import { percent } from "../../format";
import { condition, and } from "../../query";
import { url } from "../../router";
import { Panel } from "../../ui/Panel";
import { Partial, ProblemBox } from "../../ui/State";
import { t } from "./messages";
import s from "./Compare.module.css";

interface Window {
  from: number;
  to: number;
}

/** Which attributes tell the spans of one time from those of the other. */
export function Attributes({ q, then, now }: { q: string; then: Window; now: Window }) {
  const { data, error, loading, reload } = useLoad(
    (signal) =>
      get<Differences>(
        "/differences",
        { q, from: Math.round(then.from), to: Math.round(now.to), boxFrom: Math.round(now.from), boxTo: Math.round(now.to), restFrom: Math.round(then.from), restTo: Math.round(then.to), limit: 12, values: 4 },
        signal,
      ),
    [q, then.from, now.from, now.to],
    { refreshed: false },
  );
  const keys = data?.keys.filter((k) => (k.score ?? 0) > 0.02) ?? [];
  return (
    <Panel title={t.attributes} loading={loading} aside={<span class={s.caption}>{t.attributesAbout}</span>}>
      {error && <ProblemBox problem={error} retry={reload} />}
      {data && keys.length === 0 && <p class={s.muted}>{t.same}</p>}
      <div class={s.fields}>
        {keys.map((k) => (
          <section key={k.field} class={s.field}>
            <h3 class={s.fieldName}>
              <bdi>{k.field}</bdi>
            </h3>
            <ul>
              {k.values.map((v) => {
                const text = v.value ?? t.absent;
                const c = v.value === null ? `${k.field} not exists` : condition(k.field, "=", v.value);
                return (
                  <li key={text} class={s.value}>
                    <a class={s.valueName} title={`${t.findNow}: ${text}`} href={url("search", { q: and(q ? `(${q})` : "", c), from: Math.floor(now.from), to: Math.ceil(now.to) })}>
                      <bdi>{text}</bdi>
                    </a>
                    <Share value={v.restShare} name={t.then} class={s.shareA} />
                    <Share value={v.selectedShare} name={t.now} class={s.shareB} />
                  </li>
                );
              })}
            </ul>
          </section>
        ))}
      </div>
      {data?.partial && <Partial why={data.why} />}
    </Panel>
  );
}

function Share({ value, name, class: c }: { value: number | null; name: string; class: string }) {
  return (
    <span class={s.share}>
      <span class="hidden-text">{name} </span>
      <span class={s.track}>
        <span class={c} style={{ width: `${(value ?? 0) * 100}%` }} />
      </span>
      <span class={s.percent}>{percent(value ?? 0)}</span>
    </span>
  );
}
