import { useState } from "preact/hooks";
import { get, useLoad } from "../../api/client";
import type { Values } from "../../api/types";
import { count } from "../../format";
import { chooses, chosen, conditions, durations, removeConditions, setDurations, setValues, toggleValue } from "../../query/edit";
import { range } from "../../range";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Popover } from "../../ui/Popover";
import { ProblemBox, Progress } from "../../ui/State";
import { useFocus } from "../../ui/useFocus";
import { t } from "./messages";
import { asked, search } from "./place";
import s from "./QuickFilters.module.css";

/** The filters that most searches begin with. They change the query, and show what stands in it. */
export function QuickFilters({ q }: { q: string }) {
  const failed = chosen(q, "status").in;
  const errorsOnly = failed.length === 1 && failed[0].toLowerCase() === "error";
  const broken = conditions(q) === undefined; // there is nothing to change safely
  return (
    <>
      <Chooser q={q} field="service" name={t.service} />
      <Chooser q={q} field="name" name={t.operation} />
      <Button icon="warning" pressed={errorsOnly} disabled={broken} onClick={() => search(setValues(q, "status", errorsOnly ? [] : ["error"]))}>
        {t.errorsOnly}
      </Button>
      <Durations q={q} />
    </>
  );
}

function Trigger({ name, value }: { name: string; value: string }) {
  return (
    <span class={[s.trigger, value && s.on].filter(Boolean).join(" ")}>
      {name}{" "}
      {value && <bdi class={s.value}>{value}</bdi>}
      <Icon name="down" size={12} />
    </span>
  );
}

/** Chooses values of a field. */
function Chooser({ q, field, name }: { q: string; field: string; name: string }) {
  const now = chosen(q, field).in;
  const value = now.length > 1 ? t.chosenMore(now[0], now.length - 1) : (now[0] ?? "");
  return (
    <Popover label={[name, value].join(" ").trim()} text={<Trigger name={name} value={value} />}>
      {() => <Choice q={q} field={field} name={name} />}
    </Popover>
  );
}

function Choice({ q, field, name }: { q: string; field: string; name: string }) {
  const input = useFocus();
  const [find, setFind] = useState("");
  const now = chosen(q, field).in;
  const others = removeConditions(q, (c) => chooses(c, field));
  const list = useLoad((signal) => get<Values>("/values", { field, q: others, ...asked(), limit: 200 }, signal), [field, others, range.value.from, range.value.to], { refreshed: false });
  const values = (list.data?.values ?? []).filter((v) => v.value !== "");
  const fits = values.filter((v) => v.value.toLowerCase().includes(find.toLowerCase()));
  const gone = now.filter((v) => !values.some((x) => x.value === v)).map((value) => ({ value, type: "string", spans: 0 }));
  return (
    <div class={s.choice}>
      <input ref={input} class={s.find} aria-label={t.find} placeholder={t.find} value={find} onInput={(e) => setFind(e.currentTarget.value)} />
      <Progress on={list.loading} />
      {list.error && <ProblemBox problem={list.error} retry={list.reload} />}
      <ul class={s.values} role="group" aria-label={name}>
        {[...gone, ...fits].map((v) => (
          <li key={v.value}>
            <label class={s.option}>
              <input type="checkbox" checked={now.includes(v.value)} onChange={() => search(toggleValue(q, field, v.value, v.type))} />
              <bdi class={s.text} title={v.value}>
                {v.value}
              </bdi>
              <span class={s.count}>{v.spans > 0 && count(v.spans)}</span>
            </label>
          </li>
        ))}
        {list.data && gone.length + fits.length === 0 && <li class={s.none}>{t.noValues}</li>}
      </ul>
      {now.length > 0 && <Button onClick={() => search(setValues(q, field, []))}>{t.clearFilter(name)}</Button>}
    </div>
  );
}

const presets = ["1ms", "10ms", "100ms", "500ms", "1s", "5s"];
const length = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+$/;

const sign: Record<string, string> = { ">": ">", ">=": "≥", "<": "<", "<=": "≤" };

function Durations({ q }: { q: string }) {
  const now = durations(q);
  const text = now.min && now.max ? `${now.min} – ${now.max}` : now.min ? `${sign[now.above]} ${now.min}` : now.max ? `${sign[now.below]} ${now.max}` : "";
  return (
    <Popover label={[t.durationFilter, text].join(" ").trim()} text={<Trigger name={t.durationFilter} value={text} />}>
      {(close) => <DurationChoice q={q} close={close} key={`${now.min} ${now.max}`} />}
    </Popover>
  );
}

function DurationChoice({ q, close }: { q: string; close: () => void }) {
  const now = durations(q);
  const [min, setMin] = useState(now.min);
  const [max, setMax] = useState(now.max);
  const wrong = [min, max].some((v) => v !== "" && !length.test(v));
  const take = (low: string, high: string) => {
    search(setDurations(q, low, high));
    close();
  };
  return (
    <form
      class={s.durations}
      onSubmit={(e) => {
        e.preventDefault();
        if (!wrong) take(min, max);
      }}
    >
      <div class={s.presets}>
        {presets.map((p) => (
          <Button key={p} pressed={now.min === p && now.above === ">="} onClick={() => take(now.min === p && now.above === ">=" ? "" : p, now.max)}>
            ≥ {p}
          </Button>
        ))}
      </div>
      <label class={s.limit}>
        {t.atLeast}
        <input value={min} placeholder="250ms" aria-invalid={min !== "" && !length.test(min)} onInput={(e) => setMin(e.currentTarget.value.trim())} />
      </label>
      <label class={s.limit}>
        {t.below}
        <input value={max} placeholder="2s" aria-invalid={max !== "" && !length.test(max)} onInput={(e) => setMax(e.currentTarget.value.trim())} />
      </label>
      <p class={s.wrong}>{wrong ? t.badDuration : ""}</p>
      <div class={s.actions}>
        <Button type="submit" look="primary" disabled={wrong}>
          {t.apply}
        </Button>
        {(now.min || now.max) && <Button onClick={() => take("", "")}>{t.anyDuration}</Button>}
      </div>
    </form>
  );
}
