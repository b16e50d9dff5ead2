import { useMemo, useState } from "preact/hooks";
import { ask, get, Problem, useLoad } from "../../api/client";
import type { Comparison } from "../../api/types";
import { count, duration, exactDuration, fullTime, ms, shortId, time } from "../../format";
import { times } from "../../calls/words";
import { place, setParams, url } from "../../router";
import { distinguish } from "../../theme/service";
import { decode, type Summary } from "../../trace/columns";
import { Button, Segments } from "../../ui/Button";
import { Copy } from "../../ui/Copy";
import { Panel } from "../../ui/Panel";
import { Service } from "../../ui/Service";
import { Empty, ProblemBox, Progress } from "../../ui/State";
import { Candidates } from "./Candidates";
import { Operations } from "./Operations";
import { SpanTree } from "./SpanTree";
import { t } from "./messages";
import s from "./Compare.module.css";

/** What a trace is, without its spans. */
async function summary(id: string, signal: AbortSignal): Promise<Summary> {
  return decode(await (await ask(`/traces/${id}`, { format: "columns", limit: 1 }, signal, "application/vnd.weft.columns")).arrayBuffer()).summary;
}

/** Two traces of which one is expected to be like the other. */
export function Traces() {
  const { params } = place.value;
  const a = params.get("a") ?? "";
  const b = params.get("b") ?? "";
  const first = useLoad((signal) => (a ? summary(a, signal) : undefined), [a], { keep: false });
  const second = useLoad((signal) => (b ? summary(b, signal) : undefined), [b], { keep: false });
  const both = useLoad((signal) => (a && b ? get<Comparison>("/compare", { a, b }, signal) : undefined), [a, b], { keep: false });
  const problem: Problem | undefined = first.error ?? second.error ?? both.error;
  if (!a && !b) return <Choose />;
  return (
    <>
      <div class={s.cards}>
        <Card letter={t.a} id={a} summary={a ? first.data : undefined} param="a" />
        <Button icon="swap" label={t.swap} disabled={!a || !b} onClick={() => setParams({ a: b, b: a })} />
        <Card letter={t.b} id={b} summary={b ? second.data : undefined} param="b" />
      </div>
      {!both.data && (first.loading || second.loading || both.loading) && <Progress on />}
      {problem && <ProblemBox problem={problem} retry={() => [first, second, both].forEach((l) => l.error && l.reload())} />}
      {a && !b && first.data && <Candidates trace={first.data} param="b" />}
      {b && !a && second.data && <Candidates trace={second.data} param="a" />}
      {a && b && both.data && <Result comparison={both.data} />}
    </>
  );
}

function Result({ comparison: c }: { comparison: Comparison }) {
  const tree = place.value.params.get("view") === "tree";
  const onlyChanges = place.value.params.get("changes") === "1";
  useMemo(() => distinguish([...new Set(c.operations.map((o) => o.service))]), [c]);
  const by = c.b.durationNanos - c.a.durationNanos;
  const much = Math.abs(by) > 0.01 * Math.max(c.a.durationNanos, c.b.durationNanos);
  const factor = much ? times(c.b.durationNanos, c.a.durationNanos) : "";
  return (
    <Panel
      flush
      title={
        <span class={s.verdict}>
          <strong class={much ? (by > 0 ? s.slower : s.faster) : undefined}>{!much ? t.equal : by > 0 ? t.slower(duration(by), factor) : t.faster(duration(-by), factor)}</strong>
          <span class={s.muted}>{t.counts(count(c.matched), count(c.removed), count(c.added))}</span>
        </span>
      }
      aside={
        <>
          {tree && (
            <Button icon="filter" pressed={onlyChanges} onClick={() => setParams({ changes: !onlyChanges }, { replace: true })}>
              {t.onlyChanges}
            </Button>
          )}
          <Segments
            label={t.view}
            value={tree ? "tree" : "operations"}
            onChange={(v) => setParams({ view: v === "tree" ? v : null }, { replace: true })}
            options={[
              { value: "operations", text: t.byOperation },
              { value: "tree", text: t.tree },
            ]}
          />
        </>
      }
    >
      {tree ? <SpanTree comparison={c} onlyChanges={onlyChanges} /> : <Operations comparison={c} />}
    </Panel>
  );
}

function Letter({ letter }: { letter: string }) {
  return <span class={letter === t.a ? s.letterA : s.letterB}>{letter}</span>;
}

function Card({ letter, id, summary: x, param }: { letter: string; id: string; summary: Summary | undefined; param: "a" | "b" }) {
  if (!id) {
    return (
      <section class={s.card} aria-label={letter}>
        <Letter letter={letter} />
        <IdForm param={param} letter={letter} />
      </section>
    );
  }
  return (
    <section class={s.card} aria-label={letter}>
      <Letter letter={letter} />
      <div class={s.cardBody}>
        <h2 class={s.cardTitle}>
          <a href={url(`trace/${id}`)} class={s.cardLink}>
            {x ? (
              <>
                <Service name={x.rootService} /> <bdi class={s.name}>{x.rootName}</bdi>
              </>
            ) : (
              <code>{shortId(id)}</code>
            )}
          </a>
        </h2>
        {x && (
          <p class={s.muted} title={fullTime(ms(x.startUnixNano))}>
            {time(ms(x.startUnixNano))} · {count(x.spanCount)} {t.spans}
            {x.errorCount > 0 && <span class={s.red}> · {t.errorCount(count(x.errorCount))}</span>} · <code>{shortId(id)}</code>
            <Copy text={id} what={t.traceId} />
          </p>
        )}
      </div>
      <strong class={s.cardDuration} title={x && exactDuration(x.durationNanos)}>
        {x ? duration(x.durationNanos) : ""}
      </strong>
      <Button look="quiet" icon="close" label={`${t.traceId} ${letter}`} onClick={() => setParams({ [param]: null, of: "traces" })} />
    </section>
  );
}

const isId = (text: string) => /^[0-9a-f]{1,32}$/.test(text.trim().toLowerCase());
const whole = (text: string) => text.trim().toLowerCase().padStart(32, "0");

function IdInput({ letter, value, onInput }: { letter: string; value: string; onInput: (v: string) => void }) {
  return <input class={s.id} value={value} onInput={(e) => onInput(e.currentTarget.value)} placeholder={t.traceId} aria-label={`${t.traceId} ${letter}`} title={value !== "" && !isId(value) ? t.badId : undefined} aria-invalid={value !== "" && !isId(value)} spellcheck={false} autocomplete="off" />;
}

function IdForm({ param, letter }: { param: "a" | "b"; letter: string }) {
  const [text, setText] = useState("");
  return (
    <form
      class={s.idForm}
      onSubmit={(e) => {
        e.preventDefault();
        if (isId(text)) setParams({ [param]: whole(text) });
      }}
    >
      <IdInput letter={letter} value={text} onInput={setText} />
      <Button type="submit" disabled={!isId(text)}>
        {t.open}
      </Button>
    </form>
  );
}

function Choose() {
  const [a, setA] = useState("");
  const [b, setB] = useState("");
  return (
    <Panel>
      <Empty title={t.chooseTitle}>
        <p>{t.chooseHint}</p>
        <form
          class={s.choose}
          onSubmit={(e) => {
            e.preventDefault();
            if (isId(a)) setParams({ a: whole(a), b: isId(b) ? whole(b) : null });
          }}
        >
          <Letter letter={t.a} />
          <IdInput letter={t.a} value={a} onInput={setA} />
          <Letter letter={t.b} />
          <IdInput letter={t.b} value={b} onInput={setB} />
          <span />
          <Button type="submit" look="primary" disabled={!isId(a) || (b !== "" && !isId(b))}>
            {b === "" ? t.next : t.open}
          </Button>
        </form>
        <a href={url("search")}>{t.toSearch}</a>
      </Empty>
    </Panel>
  );
}
