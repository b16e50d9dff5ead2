import { useMemo } from "preact/hooks";
import { get, useLoad } from "../../api/client";
import type { Graph as Answer, Services } from "../../api/types";
import { range, rangeParams } from "../../range";
import { place, setParams, url } from "../../router";
import { distinguish } from "../../theme/service";
import { Segments, Button } from "../../ui/Button";
import { Empty, ProblemBox, Progress } from "../../ui/State";
import { Diagram } from "./Diagram";
import { EdgeTable } from "./EdgeTable";
import { busiest, graphOf, neighbourhood, type Node } from "./graph";
import { t } from "./messages";
import { Side } from "./Side";
import page from "../page.module.css";
import s from "./Map.module.css";

const most = 40; // nodes that a map can show so that one can read it

/** Who calls whom, how often, how well. */
export default function Map() {
  const r = range.value;
  const { data, error, loading, reload } = useLoad(
    async (signal) => {
      const [graph, services] = await Promise.all([get<Answer>("/graph", { from: r.from, to: r.to }, signal), get<Services>("/services", { from: r.from, to: r.to }, signal)]);
      return { ...graph, services: services.services };
    },
    [r.from, r.to],
  );
  const whole = useMemo(() => {
    const g = data && graphOf(data, data.services);
    if (g) distinguish(g.nodes.filter((n) => n.type === "service").map((n) => n.name));
    return g;
  }, [data]);

  const { params } = place.value;
  const table = params.get("view") === "table";
  const selected = params.get("selected") ?? "";
  const find = (params.get("find") ?? "").toLowerCase();
  const only = params.get("only") ?? ""; // a node whose neighbours alone are shown
  const graph = useMemo(() => whole && (only && whole.nodes.some((n) => n.id === only) ? neighbourhood(whole, only) : whole), [whole, only]);
  const everything = params.get("all") === "1";
  // A map of hundreds shows nothing: at first there are the busiest, what is selected, and what the filter finds.
  const drawn = useMemo(() => graph && (everything ? graph : busiest(graph, most, (n) => n.id === selected || (find !== "" && n.name.toLowerCase().includes(find)))), [graph, everything, selected, find]);
  const left = (graph?.nodes.length ?? 0) - (drawn?.nodes.length ?? 0);
  const match = (n: Node | undefined) => find === "" || (n?.name.toLowerCase().includes(find) ?? false);
  const select = (id: string) => setParams({ selected: id || null }, { replace: true });
  const node = (id: string) => graph?.nodes.find((n) => n.id === id);

  return (
    <div class={s.page}>
      <div class={`${page.heading} ${s.heading}`}>
        <h1>{t.title}</h1>
        <input type="search" data-search class={s.find} placeholder={t.filter} aria-label={t.filter} value={params.get("find") ?? ""} onInput={(e) => setParams({ find: e.currentTarget.value || null }, { replace: true })} />
        {(only || node(selected)) && (
          <Button icon="filter" pressed={only !== ""} onClick={() => setParams({ only: only ? null : selected })}>
            {only ? t.all : t.neighbours}
          </Button>
        )}
        <span class={s.right}>
          <Segments label={t.view} value={table ? "table" : "map"} onChange={(v) => setParams({ view: v === "table" ? v : null })} options={[{ value: "map", text: t.map }, { value: "table", text: t.table }]} />
        </span>
      </div>
      <Progress on={loading} />
      {error && <ProblemBox problem={error} retry={reload} />}
      {graph && graph.edges.length === 0 && (
        <Empty title={t.empty}>
          <p class={s.hint}>{t.emptyHint}</p>
          <a href={url("search", rangeParams())}>{t.search}</a>
        </Empty>
      )}
      {graph && graph.edges.length > 0 && (
        <div class={s.body}>
          {data?.more && <p class={s.hint}>{t.more}</p>}
          {!table && graph.nodes.length > most && (
            <p class={s.hint}>
              {left > 0 ? t.busiest(most, left) : t.allShown(graph.nodes.length)}{" "}
              <Button look="quiet" onClick={() => setParams({ all: !everything }, { replace: true })}>
                {everything ? t.onlyBusiest : t.showThem}
              </Button>
            </p>
          )}
          {find && !graph.nodes.some(match) && <p class={s.hint} role="status">{t.noMatch(find)}</p>}
          <div class={s.split}>
            {table ? <EdgeTable graph={graph} shown={(e) => match(node(e.from)) || match(node(e.to))} onSelect={select} /> : <Diagram graph={drawn ?? graph} selected={selected} match={match} onSelect={select} />}
            <Side graph={graph} selected={selected} onSelect={select} />
          </div>
        </div>
      )}
    </div>
  );
}
