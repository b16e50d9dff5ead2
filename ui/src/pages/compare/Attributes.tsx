import { get, useLoad } from "../../api/client";
import type { Differences } from "../../api/types";
import { Fields, Legend } from "../../differences/Fields";
import { telling } from "../../differences/telling";
import { count } from "../../format";
import { and } from "../../query";
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
        { q, from: Math.round(then.from), to: Math.round(now.to), boxFrom: Math.round(now.from), boxTo: Math.round(now.to), restFrom: Math.round(then.from), restTo: Math.round(then.to), limit: 40, values: 4, budget: "1s" },
        signal,
      ),
    [q, then.from, now.from, now.to],
    { refreshed: false },
  );
  const fields = telling(data?.keys ?? []);
  return (
    <Panel title={t.attributes} loading={loading} aside={data && <Legend selected={t.nowSpans(count(data.selected))} rest={t.thenSpans(count(data.rest))} />}>
      {error && <ProblemBox problem={error} retry={reload} />}
      {data?.partial && <Partial why={data.why} />}
      {data && fields.length === 0 && <p class={s.muted}>{t.same}</p>}
      <Fields fields={fields} href={(is) => url("search", { q: and(q && `(${q})`, is), from: Math.floor(now.from), to: Math.ceil(now.to) })} />
    </Panel>
  );
}
