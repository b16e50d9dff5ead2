import { useState } from "preact/hooks";
import { get, useLoad } from "../../api/client";
import type { Calls, Differences } from "../../api/types";
import { queryOf, searchURL, type Which } from "../../calls/links";
import { count, duration, percent, queryDuration } from "../../format";
import { condition } from "../../query";
import { shorten } from "../../query/names";
import { quoteValue } from "../../query/tokens";
import { range } from "../../range";
import { place, setParams } from "../../router";
import { Button, Segments } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Partial, ProblemBox } from "../../ui/State";
import { seldom } from "./load";
import { t } from "./messages";
import { telling } from "./telling";
import s from "./SlowAgainstNormal.module.css";

type Field = Differences["keys"][number];
type Value = Field["values"][number];
type Group = "p90" | "p99" | "errors";

const fewest = 5; // calls whose attributes are no chance
const atFirst = 8;

/** What is different about the calls that are slow, or fail: attribute by attribute, with the share of its values on either side. */
export function SlowAgainstNormal({ which, now }: { which: Which; now: Calls }) {
  const r = range.value;
  const [all, setAll] = useState(false);
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
      flush
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
          <span class={s.here}>{t.differentCalls(about(data.selected)) + (data.over ? ` · ${t.slower(duration(data.over))}` : "")}</span>
          <span class={s.others}>{t.others(about(data.rest))}</span>
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
        <div class={s.scroll}>
          <table class={s.table}>
            <colgroup>
              <col class={s.field} />
              <col />
              <col class={s.bars} />
            </colgroup>
            <thead class="hidden-text">
              <tr>
                <th scope="col">{t.field}</th>
                <th scope="col">{t.value}</th>
                <th scope="col">{t.here}, {t.elsewhere}</th>
              </tr>
            </thead>
            {fields.slice(0, all ? undefined : atFirst).map((f) => (
              <FieldRows key={f.field} field={f} which={which} selected={selected} />
            ))}
          </table>
          {!all && fields.length > atFirst && (
            <Button look="quiet" icon="down" class={s.more} onClick={() => setAll(true)}>
              {t.moreFields(fields.length - atFirst)}
            </Button>
          )}
        </div>
      )}
    </Panel>
  );
}

function FieldRows({ field, which, selected }: { field: Field; which: Which; selected: string }) {
  return (
    <tbody>
      {field.values.map((v, i) => (
        <tr key={v.value === null ? " absent" : `v${v.value}`}>
          {i === 0 && (
            <th scope="rowgroup" rowSpan={field.values.length} title={field.field}>
              <bdi>{shorten(field.field)}</bdi>
            </th>
          )}
          <ValueCells field={shorten(field.field)} v={v} which={which} selected={selected} />
        </tr>
      ))}
    </tbody>
  );
}

function ValueCells({ field, v, which, selected }: { field: string; v: Value; which: Which; selected: string }) {
  const shown = v.value === null ? t.absent : v.value === "" ? '""' : v.value;
  // The answer has no types: without quotes a number is found as such, and as a text.
  const is = v.value === null ? `${field} not exists` : `${field} = ${quoteValue(v.value)}`;
  const a = v.selectedShare ?? 0;
  const b = v.restShare ?? 0;
  return (
    <>
      <td class={s.value}>
        <a href={searchURL(which, { and: `${selected} and ${is}`, slowest: true })} title={`${t.searchFor(shown)}\n${is}`}>
          <bdi class={v.value === null ? s.absent : undefined}>{shown}</bdi>
        </a>
      </td>
      <td>
        <span class={s.shares}>
          <span class={s.track}>
            <span class={s.barHere} style={{ width: `${a * 100}%` }} />
          </span>
          <span class={s.percent}>{percent(a)}</span>
          <span class={s.track}>
            <span class={s.barOthers} style={{ width: `${b * 100}%` }} />
          </span>
          <span class={[s.percent, s.quiet].join(" ")}>{percent(b)}</span>
        </span>
      </td>
    </>
  );
}
