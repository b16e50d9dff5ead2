import { useState } from "preact/hooks";
import { get, useLoad } from "../../api/client";
import type { Differences as Data } from "../../api/types";
import { count, percent } from "../../format";
import { condition } from "../../query";
import { addCondition } from "../../query/edit";
import { shorten } from "../../query/fields";
import { isIntrinsic, quoteValue } from "../../query/tokens";
import { range } from "../../range";
import { setParams } from "../../router";
import { Button } from "../../ui/Button";
import type { Box } from "../../ui/heat";
import { Panel } from "../../ui/Panel";
import { Empty, Partial, ProblemBox } from "../../ui/State";
import s from "./Differences.module.css";
import { t } from "./messages";
import { asked, search } from "./place";

type Field = Data["keys"][number];
type Value = Field["values"][number];

const first = 9;

/** What tells the spans of a box from the others that the query finds, attribute by attribute. */
export function Differences({ q, box }: { q: string; box: Box }) {
  const [all, setAll] = useState(false);
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
  const fields = (data?.keys ?? []).filter((k) => (k.score ?? 0) > 0.005 && k.values.length > 0);
  return (
    <Panel
      title={t.differences}
      loading={found.loading}
      aside={
        <>
          {data && (
            <span class={s.legend}>
              <span class={s.selected}>{t.selectedSpans(count(data.selected))}</span>
              <span class={s.rest}>{t.restSpans(count(data.rest))}</span>
            </span>
          )}
          <Button look="quiet" icon="close" label={t.close} onClick={() => setParams({ diff: null })} />
        </>
      }
    >
      {found.error && <ProblemBox problem={found.error} retry={found.reload} />}
      {data && (data.share ?? 1) < 1 ? <p class={s.estimated}>{t.estimatedAll(percent(data.share ?? 1))}</p> : data?.partial && <Partial why={data.why} />}
      {data && fields.length === 0 && <Empty title={data.selected === 0 ? t.noneSelected : data.rest === 0 ? t.noOthers : t.noDifference} />}
      {!data && !found.error && <Waiting />}
      <div class={s.fields}>
        {fields.slice(0, all ? undefined : first).map((f) => (
          <FieldCard key={f.field} field={f} q={q} />
        ))}
      </div>
      {!all && fields.length > first && (
        <Button look="quiet" icon="down" onClick={() => setAll(true)}>
          {t.showMore(fields.length - first)}
        </Button>
      )}
    </Panel>
  );
}

/** Keeps the place of what is on its way. */
function Waiting() {
  return (
    <div class={s.fields} aria-hidden="true">
      {Array.from({ length: 3 }, (_, n) => (
        <div key={n} class={s.ghost} />
      ))}
    </div>
  );
}

function FieldCard({ field, q }: { field: Field; q: string }) {
  const name = shorten(field.field);
  return (
    <section class={s.card}>
      <h3 class={s.name} title={field.field}>
        <bdi>{name}</bdi>
        <span class={s.score} style={{ "--score": field.score ?? 0 }} aria-hidden="true" />
      </h3>
      <ul>
        {field.values.map((v) => (
          <ValueRow key={v.value === null ? " absent" : `v${v.value}`} field={field.field} v={v} q={q} />
        ))}
      </ul>
      {field.more && <p class={s.more}>{t.someValues}</p>}
    </section>
  );
}

function ValueRow({ field, v, q }: { field: string; v: Value; q: string }) {
  const short = shorten(field);
  const shown = v.value === null ? t.absent : v.value === "" ? '""' : v.value;
  const a = v.selectedShare ?? 0;
  const b = v.restShare ?? 0;
  // The server's answer has no types: without quotes a number is found as such, and as a text.
  const is = v.value === null ? `${short} not exists` : short === "duration" ? condition(short, "=", v.value) : `${short} = ${quoteValue(v.value)}`;
  const isNot = v.value === null ? `${short} exists` : isIntrinsic(short) ? is.replace(" = ", " != ") : `not ${is}`;
  return (
    <li class={s.row}>
      <bdi class={[s.value, v.value === null && s.absent].filter(Boolean).join(" ")} title={shown}>
        {shown}
      </bdi>
      <span class={s.buttons}>
        <Button look="quiet" icon="plus" class={s.small} label={t.only(shown)} onClick={() => search(addCondition(q, is))} />
        <Button look="quiet" icon="minus" class={s.small} label={t.not(shown)} onClick={() => search(addCondition(q, isNot))} />
      </span>
      <span class={s.bars} role="img" aria-label={t.share(percent(a), percent(b))}>
        <span class={s.track}>
          <span class={s.barSelected} style={{ width: a > 0 ? `max(${a * 100}%, 2px)` : 0 }} />
        </span>
        <span class={s.percent}>{percent(a)}</span>
        <span class={s.track}>
          <span class={s.barRest} style={{ width: b > 0 ? `max(${b * 100}%, 2px)` : 0 }} />
        </span>
        <span class={s.percentRest}>{percent(b)}</span>
      </span>
    </li>
  );
}
