import { get, useLoad } from "../../api/client";
import type { Differences as Data } from "../../api/types";
import { Fields, Legend } from "../../differences/Fields";
import { telling } from "../../differences/telling";
import { count, percent } from "../../format";
import { addCondition } from "../../query/edit";
import { range } from "../../range";
import { setParams } from "../../router";
import { Button } from "../../ui/Button";
import type { Box } from "../../ui/heat";
import { Panel } from "../../ui/Panel";
import { Empty, Partial, ProblemBox } from "../../ui/State";
import s from "./Differences.module.css";
import { t } from "./messages";
import { asked, search } from "./place";

/** What tells the spans of a box from the others that the query finds, attribute by attribute. */
export function Differences({ q, box }: { q: string; box: Box }) {
  const { from, to } = range.value;
  const nanos = (at: number) => `${Math.round(at * 1000)}000`;
  const found = useLoad(
    (signal) =>
      get<Data>(
        "/differences",
        { q, ...asked(), boxFrom: nanos(box.from), boxTo: nanos(box.to), minDuration: `${Math.floor(box.min)}ns`, maxDuration: `${Math.ceil(box.max)}ns`, limit: 40, values: 5, budget: "500ms" },
        signal,
      ),
    [q, from, to, box],
  );
  const data = found.data;
  const fields = telling(data?.keys ?? []);
  return (
    <Panel
      title={t.differences}
      loading={found.loading}
      aside={
        <>
          {data && (
            <Legend selected={t.selectedSpans(count(data.selected))} rest={t.restSpans(count(data.rest))} />
          )}
          <Button look="quiet" icon="close" label={t.close} onClick={() => setParams({ diff: null })} />
        </>
      }
    >
      {found.error && <ProblemBox problem={found.error} retry={found.reload} />}
      {data && (data.share ?? 1) < 1 ? <p class={s.estimated}>{t.estimatedAll(percent(data.share ?? 1))}</p> : data?.partial && <Partial why={data.why} />}
      {data && fields.length === 0 && <Empty title={data.selected === 0 ? t.noneSelected : data.rest === 0 ? t.noOthers : t.noDifference} />}
      {!data && !found.error && <Waiting />}
      <Fields
        fields={fields}
        actions={(value, is, isNot) => (
          <>
            <Button look="quiet" icon="plus" class={s.small} label={t.only(value)} onClick={() => search(addCondition(q, is))} />
            <Button look="quiet" icon="minus" class={s.small} label={t.not(value)} onClick={() => search(addCondition(q, isNot))} />
          </>
        )}
      />
    </Panel>
  );
}

/** Keeps the place of what is on its way. */
function Waiting() {
  return (
    <div class={s.ghosts} aria-hidden="true">
      {Array.from({ length: 3 }, (_, n) => (
        <div key={n} class={s.ghost} />
      ))}
    </div>
  );
}
