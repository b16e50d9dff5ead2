import type { Kind, Operations } from "../../api/types";
import { changes } from "../../calls/change";
import { serviceURL } from "../../calls/links";
import { Marks } from "../../calls/Marks";
import { readSort, sorted } from "../../calls/sort";
import { SortHeader } from "../../calls/SortHeader";
import { duration, percent, rate } from "../../format";
import { kindName } from "../../kinds";
import { place, setParams } from "../../router";
import { Button, Segments } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Empty } from "../../ui/State";
import { t } from "./messages";
import table from "../../calls/Table.module.css";
import s from "./OperationTable.module.css";

type Operation = Operations["operations"][number];
type Group = "requests" | "calls" | "inside" | "all";

const kinds: Record<Group, readonly Kind[] | undefined> = {
  requests: ["server", "consumer"],
  calls: ["client", "producer"],
  inside: ["internal", "unspecified"],
  all: undefined,
};

const standard = "impact";

/** What a service does: a row for each operation, of one kind of them or of all. */
export function OperationTable({ data, judgedByRequests, seconds, covered }: { data: Operations; judgedByRequests: boolean; seconds: number; covered: number }) {
  const { params } = place.value;
  const usual: Group = judgedByRequests ? "requests" : "all";
  const asked = params.get("ops") as Group | null;
  const group = asked && asked in kinds ? asked : usual;
  const filter = params.get("filter") ?? "";
  const ofGroup = data.operations.filter((o) => kinds[group]?.includes(o.kind) ?? true);
  const found = ofGroup.filter((o) => o.name.toLowerCase().includes(filter.toLowerCase()));
  const time = ofGroup.reduce((sum, o) => sum + (o.now.sum ?? 0), 0);
  const rows = found.map((o) => ({ o, changes: changes({ now: o.now, before: o.before, seconds, covered }), impact: time > 0 ? (o.now.sum ?? 0) / time : 0 }));
  const values: Record<string, (r: (typeof rows)[number]) => string | number | null | undefined> = {
    name: (r) => r.o.name,
    kind: (r) => kindName(r.o.kind),
    rate: (r) => r.o.now.count,
    errors: (r) => (r.o.now.count ? r.o.now.errors / r.o.now.count : null),
    p50: (r) => r.o.now.p50,
    p99: (r) => r.o.now.p99,
    change: (r) => r.changes[0]?.weight,
    impact: (r) => r.impact,
  };
  const sort = readSort(params.get("sort"), Object.keys(values), standard);
  const header = (column: string, text: string, number = true, c?: string, title?: string) => <SortHeader column={column} text={text} sort={sort} standard={standard} number={number} class={c} title={title} />;
  return (
    <Panel
      flush
      title={t.operations}
      aside={
        <>
          <Segments
            label={t.show}
            value={group}
            onChange={(v) => setParams({ ops: v === usual ? null : v }, { replace: true })}
            options={(["requests", "calls", "inside", "all"] as const).map((value) => ({ value, text: t[value] }))}
          />
          <input class={s.filter} type="search" data-search value={filter} aria-label={t.filter} placeholder={t.filter} spellcheck={false} onInput={(e) => setParams({ filter: e.currentTarget.value }, { replace: true })} />
        </>
      }
    >
      {rows.length === 0 ? (
        <Empty title={filter ? t.noneMatch(filter) : t.noneOfKind}>
          <Button onClick={() => setParams({ filter: null, ops: "all" }, { replace: true })}>{t.showAll}</Button>
        </Empty>
      ) : (
        <div class={table.scroll}>
          <table class={[table.table, s.table].join(" ")}>
            <colgroup>
              <col />
              <col class={s.kind} />
              <col class={s.number} />
              <col class={s.number} />
              <col class={s.p50} />
              <col class={s.number} />
              <col class={s.impact} />
              <col class={s.change} />
            </colgroup>
            <thead>
              <tr>
                {header("name", t.operation, false)}
                {header("kind", t.kind, false, s.kind)}
                {header("rate", t.rate)}
                {header("errors", t.errors)}
                {header("p50", t.p50, true, s.p50)}
                {header("p99", t.p99)}
                {header("impact", t.impact, true, s.impact, t.impactTitle)}
                {header("change", t.change, false, s.change)}
              </tr>
            </thead>
            <tbody>
              {sorted(rows, sort, values[sort.by], (r) => r.o.name).map((r) => (
                <Row key={r.o.kind + r.o.name} service={data.service} {...r} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {data.more && <p class={s.more}>{t.tooMany(data.operations.length)}</p>}
    </Panel>
  );
}

function Row({ service, o, changes: changed, impact }: { service: string; o: Operation; changes: ReturnType<typeof changes>; impact: number }) {
  const share = o.now.count ? o.now.errors / o.now.count : 0;
  return (
    <tr class={o.now.count ? undefined : table.quiet}>
      <th scope="row">
        <a class={[table.link, s.name].join(" ")} href={serviceURL(service, o.name, o.kind)} title={o.name}>
          <bdi>{o.name || "–"}</bdi>
        </a>
      </th>
      <td class={[s.kind, table.quiet].join(" ")}>{kindName(o.kind)}</td>
      <td class="num">{rate(o.now.rate)}</td>
      <td class={["num", share > 0 ? table.failing : table.quiet].join(" ")}>{o.now.count ? percent(share) : "–"}</td>
      <td class={["num", s.p50].join(" ")}>{duration(o.now.p50)}</td>
      <td class="num">{duration(o.now.p99)}</td>
      <td class={["num", s.impact].join(" ")}>
        <span class={s.bar}>
          <span style={{ width: `${impact * 100}%` }} />
        </span>
        <span class={s.share}>{percent(impact)}</span>
      </td>
      <td class={s.change}>
        <Marks changes={changed} />
      </td>
    </tr>
  );
}
