import { useState } from "preact/hooks";
import { ChangeSpark } from "../../calls/ChangeSpark";
import { Sentence, Since, tone } from "../../calls/Marks";
import { searchURL, serviceURL } from "../../calls/links";
import { timeBefore } from "../../calls/words";
import type { Change } from "../../calls/change";
import { time } from "../../format";
import { rangeParams } from "../../range";
import { url } from "../../router";
import { Button } from "../../ui/Button";
import { Icon, type IconName } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import { t as calls } from "../../calls/messages";
import { t } from "./messages";
import { ranked, type Item, type Overview, type Row } from "./rows";
import s from "./Changes.module.css";

const atFirst = 6;

/** What is different from the time before, the most important first; or that nothing is. */
export function Changes({ overview }: { overview: Overview }) {
  const [all, setAll] = useState(false);
  const { rows, from, to, covered } = overview;
  const list = ranked(rows);
  const width = to - from;
  const before = timeBefore(width);
  const shown = all ? list : list.slice(0, atFirst);
  return (
    <section class={s.changes} aria-labelledby="changed">
      <header class={s.header}>
        <h2 id="changed">{t.changed}</h2>
        <span class={s.against} title={`${time(from - width)} – ${time(from)}`}>
          {t.against(before)}
        </span>
        {list.length > atFirst && (
          <Button look="quiet" class={s.more} aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? t.fewer : t.more(list.length - atFirst)}
          </Button>
        )}
      </header>
      {list.length === 0 ? (
        <p class={s.calm}>
          <Icon name={covered < 0.1 ? "clock" : "check"} />
          {covered < 0.1 ? t.nothingBefore(before) : t.calm(rows.length, before)}
        </p>
      ) : (
        <ul class={s.list}>
          {shown.map((item) => (
            <li key={item.rows[0].name + " " + item.change.what}>{item.rows.length > 1 ? <Several item={item} /> : <Card row={item.rows[0]} change={item.change} />}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

const icons: Record<ReturnType<typeof tone>, IconName> = { error: "warning", slow: "clock", better: "check", plain: "info" };

function Card({ row, change }: { row: Row; change: Change }) {
  const look = tone(change);
  const to = target(row, change);
  return (
    <a class={[s.card, s[look]].join(" ")} href={to.href} title={to.title}>
      <span class={s.icon}>
        <Icon name={icons[look]} />
      </span>
      <span class={s.text}>
        <span class={s.who}>
          <Service name={row.name} /> <Since change={change} />
        </span>
        <Sentence change={change} />
      </span>
      <span class={s.picture}>
        <Picture row={row} change={change} />
      </span>
    </a>
  );
}

function Picture({ row, change }: { row: Row; change: Change }) {
  const [what, label] = change.what === "errors" ? (["share", calls.errorsOverTime] as const) : change.what === "p50" || change.what === "p90" || change.what === "p99" ? ([change.what, calls.latencyOverTime] as const) : (["rate", calls.rateOverTime] as const);
  return <ChangeSpark before={row.overBefore?.[what] ?? []} now={row.over[what]} bars={what === "share"} look={tone(change)} label={label} />;
}

/** Services that came, or went, together. */
function Several({ item }: { item: Item }) {
  const names = item.rows.map((row) => row.name);
  const title = item.change.what === "new" ? t.newServices(names.length) : item.change.what === "gone" ? t.goneServices(names.length) : t.silentServices(names.length);
  return (
    <a class={s.card} href={url("", { ...rangeParams(), sort: "change" })} title={names.join("\n")}>
      <span class={s.icon}>
        <Icon name="info" />
      </span>
      <span class={s.text}>
        <span>{title}</span>
        <span class={s.names}>
          <bdi>{names.slice(0, 20).join(", ")}</bdi>
        </span>
      </span>
    </a>
  );
}

/** Where one goes on looking: at the calls that failed or were slow, else at the service. */
function target(row: Row, c: Change): { href: string; title: string } {
  const which = { service: row.name, requests: row.requests };
  if (c.worse && c.what === "errors") return { href: searchURL(which, { failed: true }), title: t.failedRequests };
  if (c.worse && (c.what === "p50" || c.what === "p90" || c.what === "p99")) return { href: searchURL(which, { over: c.before, slowest: true }), title: t.slowRequests };
  return { href: serviceURL(row.name), title: t.openService };
}
