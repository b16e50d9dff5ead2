import { useEffect, useState } from "preact/hooks";
import { get, useLoad } from "../../api/client";
import type { Aggregate } from "../../api/types";
import { count } from "../../format";
import { addCondition, chooses, chosen, conditions, excludeValue, removeConditions, toggleValue } from "../../query/edit";
import { isIntrinsic } from "../../query/tokens";
import { range } from "../../range";
import { serviceColor } from "../../theme/service";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Progress } from "../../ui/State";
import s from "./Facet.module.css";
import { t } from "./messages";
import { asked, search } from "./place";
import { inTurn } from "./turns";

interface Props {
  field: string;
  q: string;
  open: boolean;
  onTurn: () => void;
  onShare: (share: number) => void; // of the spans that were counted
  onRemove?: () => void;
}

/** One attribute: its most frequent values among the spans of the query, to choose and to leave out. */
export function Facet({ field, q, open, onTurn, onShare, onRemove }: Props) {
  const now = chosen(q, field);
  return (
    <section class={s.facet}>
      <h3 class={s.heading}>
        <button type="button" class={s.turn} aria-expanded={open} onClick={onTurn} title={field}>
          <Icon name={open ? "down" : "right"} size={12} />
          <bdi class={s.field}>{field}</bdi>
          {now.in.length + now.out.length > 0 && <span class={s.chosen}>{now.in.length + now.out.length}</span>}
        </button>
        {onRemove && <Button look="quiet" icon="close" class={s.small} label={t.removeFacet(field)} onClick={onRemove} />}
      </h3>
      {open && <List field={field} q={q} onShare={onShare} />}
    </section>
  );
}

const few = 6;
const many = 50;
const budget = "200ms"; // for each of some counts

function List({ field, q, onShare }: { field: string; q: string; onShare: (share: number) => void }) {
  const [all, setAll] = useState(false);
  const { from, to } = range.value;
  const now = chosen(q, field);
  // Values beside the chosen ones stay there to be chosen, too, so the query is asked without the choice.
  const others = removeConditions(q, (c) => chooses(c, field));
  const broken = conditions(q) === undefined;
  // Spans that do not have the attribute would be counted as one more value, an empty one.
  const asks = isIntrinsic(field) ? others : addCondition(others, `${field} exists`);
  const list = useLoad(
    (signal) => inTurn(signal, () => get<Aggregate>("/aggregate", { by: field, q: asks, ...asked(), limit: many, budget }, signal)),
    [field, asks, from, to],
  );
  const data = list.data;
  const share = data?.share || 1;
  const counted = (data?.groups ?? []).map((g) => ({ value: g.key[0] ?? "", spans: Math.round(g.total.count / share) }));
  const values = counted.filter((v, n) => all || n < few || now.in.includes(v.value));
  useEffect(() => {
    if (data) onShare(share);
  }, [data]);
  const extra = now.in.filter((v) => !values.some((x) => x.value === v)).map((value) => ({ value, spans: 0 }));
  const most = Math.max(1, ...counted.map((v) => v.spans));
  return (
    <div class={s.list}>
      {list.error && !data && list.error.parameter !== "q" && <p class={s.none}>{t.loadFailed}</p>}
      <Progress on={list.loading && !data} />
      <ul>
        {[...extra, ...values].map((v) => {
          const chosenHere = now.in.includes(v.value);
          const shown = v.value === "" ? '""' : v.value;
          return (
            <li key={v.value} class={[s.row, chosenHere && s.on].filter(Boolean).join(" ")}>
              <button
                type="button"
                class={s.value}
                aria-pressed={chosenHere}
                disabled={broken}
                title={shown}
                onClick={(e) => search(e.altKey ? excludeValue(q, field, v.value) : toggleValue(q, field, v.value))}
              >
                <span class={s.bar} style={{ width: `${(v.spans / most) * 100}%` }} />
                {field === "service" && <span class={s.dot} style={{ background: serviceColor(v.value) }} />}
                {field === "status" && v.value === "error" && <span class={s.dot} data-error />}
                <bdi class={s.text}>{shown}</bdi>
                <span class={s.count}>{v.spans > 0 ? count(v.spans) : ""}</span>
              </button>
              <Button look="quiet" icon="minus" class={[s.small, s.exclude].join(" ")} disabled={broken} label={t.not(shown)} onClick={() => search(excludeValue(q, field, v.value))} />
            </li>
          );
        })}
        {now.out.map((v) => (
          <li key={`not ${v}`} class={s.row}>
            <button type="button" class={[s.value, s.out].join(" ")} aria-pressed={true} disabled={broken} title={t.not(v)} onClick={() => search(excludeValue(q, field, v))}>
              <Icon name="minus" size={12} />
              <bdi class={s.text}>{v === "" ? '""' : v}</bdi>
            </button>
          </li>
        ))}
      </ul>
      {data && values.length + extra.length + now.out.length === 0 && <p class={s.none}>{t.noValues}</p>}
      {(counted.length > few || all) && (
        <button type="button" class={s.more} onClick={() => setAll(!all)}>
          {all ? t.fewerValues : t.allValues}
        </button>
      )}
    </div>
  );
}
