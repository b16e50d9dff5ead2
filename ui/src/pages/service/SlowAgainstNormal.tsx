import { get, useLoad } from "../../api/client";
import type { Calls, Differences } from "../../api/types";
import { queryOf, searchURL, type Which } from "../../calls/links";
import { Fields, Legend } from "../../differences/Fields";
import { telling } from "../../differences/telling";
import { count, duration, percent, queryDuration } from "../../format";
import { condition } from "../../query";
import { range } from "../../range";
import { place, setParams } from "../../router";
import { Segments } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Partial, ProblemBox } from "../../ui/State";
import { seldom } from "./load";
import { t } from "./messages";
import s from "./SlowAgainstNormal.module.css";

type Group = "p90" | "p99" | "errors";

const fewest = 5; // calls whose attributes are no chance

/** What is different about the calls that are slow, or fail: attribute by attribute, with the share of its values on either side. */
export function SlowAgainstNormal({ which, now }: { which: Which; now: Calls }) {
  const r = range.value;
  const many = now.count * 0.01 >= fewest;
  const asked = place.value.params.get("slow");
  const group: Group = (asked === "p99" && many) || (asked === "errors" && now.errors > 0) ? asked : "p90";
  const limit = group === "errors" ? 0 : (now[group] ?? 0);
  const selected = group === "errors" ? "status = error" : condition("duration", ">", queryDuration(limit));
  const q = queryOf(which);
  // The threshold moves a little whenever something comes in; the question is a new one only with the range or the group.
  const found = useLoad(async (signal) => ({ ...(await get<Differences>("/differences", { q, selected, from: r.from, to: r.to, limit: 40, values: 4, budget: "1s" }, signal)), over: limit }), [q, group, r.from, r.to, seldom()], { refreshed: false });
  const data = found.data;
  const fields = telling(data?.keys ?? [], group === "errors" ? "status" : "duration");
  const share = data?.share ?? 1;
  const about = (n: number) => (share < 1 ? `≈ ${count(Math.round(n / share))}` : count(n));
  const few = data && data.selected < fewest;
  return (
    <Panel
      loading={found.loading}
      title={group === "errors" ? t.failedAgainst : t.slowAgainst}
      aside={
        <Segments
          label={t.compareLabel}
          value={group}
          onChange={(v) => setParams({ slow: v === "p90" ? null : v }, { replace: true })}
          options={[
            { value: "p90", text: t.slowest10, title: t.slower(duration(now.p90)) },
            ...(many ? [{ value: "p99" as const, text: t.slowest1, title: t.slower(duration(now.p99)) }] : []),
            ...(now.errors > 0 ? [{ value: "errors" as const, text: t.failedOnes }] : []),
          ]}
        />
      }
    >
      {found.error && <ProblemBox problem={found.error} retry={found.reload} />}
      {data?.partial && share >= 1 && <Partial why={data.why} />}
      {data && (
        <p class={s.legend}>
          <Legend selected={t.differentCalls(about(data.selected)) + (data.over ? ` · ${t.slower(duration(data.over))}` : "")} rest={t.others(about(data.rest))} />
          {share < 1 && <span class={s.estimated}>{t.estimated(percent(share))}</span>}
        </p>
      )}
      {!data ? (
        <div class={s.place} />
      ) : few ? (
        <p class={s.nothing}>{t.fewer(data.selected)}</p>
      ) : fields.length === 0 ? (
        <p class={s.nothing}>{t.noDifference}</p>
      ) : (
        <Fields fields={fields} href={(is) => searchURL(which, { and: `${selected} and ${is}`, slowest: true })} />
      )}
    </Panel>
  );
}
