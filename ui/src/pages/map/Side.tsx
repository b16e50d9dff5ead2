import type { ComponentChildren } from "preact";
import type { Calls } from "../../api/types";
import { count, duration, percent, rate } from "../../format";
import { rangeParams } from "../../range";
import { url } from "../../router";
import { Button } from "../../ui/Button";
import { Service } from "../../ui/Service";
import { errorShare, type Edge, type Graph, type Node } from "./graph";
import { t } from "./messages";
import table from "../../calls/Table.module.css";
import s from "./Map.module.css";

/** A string as a value in a query. */
function quoted(v: string): string {
  return JSON.stringify(v);
}

/** What is known about the node or edge that is selected, and where to go from there. */
export function Side({ graph, selected, onSelect }: { graph: Graph; selected: string; onSelect: (id: string) => void }) {
  const node = graph.nodes.find((n) => n.id === selected);
  const edge = graph.edges.find((e) => e.id === selected);
  if (!node && !edge) return null;
  return (
    <aside class={s.side} aria-label={node?.name ?? t.calls}>
      {node ? <AboutNode graph={graph} node={node} onSelect={onSelect} /> : <AboutEdge graph={graph} edge={edge!} onSelect={onSelect} />}
    </aside>
  );
}

function Head({ children, onSelect }: { children: ComponentChildren; onSelect: (id: string) => void }) {
  return (
    <header class={s.sideHead}>
      <h2>{children}</h2>
      <Button look="quiet" icon="close" label={t.close} onClick={() => onSelect("")} />
    </header>
  );
}

function AboutNode({ graph, node: n, onSelect }: { graph: Graph; node: Node; onSelect: (id: string) => void }) {
  const into = graph.edges.filter((e) => e.to === n.id);
  const out = graph.edges.filter((e) => e.from === n.id);
  return (
    <>
      <Head onSelect={onSelect}>
        {n.type === "service" ? <Service name={n.name} /> : <bdi>{n.name}</bdi>}
      </Head>
      <p class={s.type}>{[t[n.type], n.system].filter(Boolean).join(" · ")}</p>
      <p class={s.links}>
        {n.type === "service" && <a href={url("service", { name: n.name, ...rangeParams() })}>{t.openService}</a>}
        {n.type === "service" && <a href={url("search", { q: `service = ${quoted(n.name)}`, ...rangeParams() })}>{t.findCalls}</a>}
      </p>
      <h3>{t.calledBy}</h3>
      <Neighbours edges={into} end="from" graph={graph} empty={t.nobody} onSelect={onSelect} />
      <h3>{t.itCalls}</h3>
      <Neighbours edges={out} end="to" graph={graph} empty={t.nothing} onSelect={onSelect} />
    </>
  );
}

function Neighbours({ edges, end, graph, empty, onSelect }: { edges: readonly Edge[]; end: "from" | "to"; graph: Graph; empty: string; onSelect: (id: string) => void }) {
  if (edges.length === 0) return <p class={s.none}>{empty}</p>;
  return (
    <table class={s.neighbours}>
      <thead>
        <tr>
          <th scope="col">{end === "from" ? t.caller : t.callee}</th>
          <th scope="col" class="num">{t.rate}</th>
          <th scope="col" class="num">{t.errors}</th>
          <th scope="col" class="num">{t.p99}</th>
        </tr>
      </thead>
      <tbody>
        {[...edges]
          .sort((a, b) => b.calls.count - a.calls.count)
          .map((e) => (
            <tr key={e.id}>
              <td>
                <button type="button" class={s.go} onClick={() => onSelect(e[end])}>
                  <NodeName graph={graph} id={e[end]} />
                </button>
              </td>
              <Figures calls={e.calls} />
            </tr>
          ))}
      </tbody>
    </table>
  );
}

export function NodeName({ graph, id }: { graph: Graph; id: string }) {
  const n = graph.nodes.find((n) => n.id === id);
  if (!n) return null;
  return n.type === "service" ? (
    <Service name={n.name} />
  ) : (
    <span class={s.other}>
      <bdi>{n.name}</bdi> <span class={s.system}>{n.system || t[n.type]}</span>
    </span>
  );
}

export function Figures({ calls: c }: { calls: Calls }) {
  return (
    <>
      <td class="num" title={`${count(c.count)} ${t.calls}`}>{rate(c.rate)}</td>
      <td class={`num ${c.errors > 0 ? s.red : table.quiet}`}>{percent(errorShare(c))}</td>
      <td class="num">{duration(c.p99)}</td>
    </>
  );
}

function AboutEdge({ graph, edge: e, onSelect }: { graph: Graph; edge: Edge; onSelect: (id: string) => void }) {
  const c = e.calls;
  const share = errorShare(c);
  return (
    <>
      <Head onSelect={onSelect}>{[t[e.connection === "database" ? "database" : e.connection], e.system].filter(Boolean).join(" · ")}</Head>
      <p class={s.ends}>
        <button type="button" class={s.go} onClick={() => onSelect(e.from)}>
          <NodeName graph={graph} id={e.from} />
        </button>
        <span aria-hidden="true">→</span>
        <button type="button" class={s.go} onClick={() => onSelect(e.to)}>
          <NodeName graph={graph} id={e.to} />
        </button>
      </p>
      <dl class={s.facts}>
        <dt>{t.calls}</dt>
        <dd>{count(c.count)}</dd>
        <dt>{t.rate}</dt>
        <dd>{rate(c.rate)}</dd>
        <dt>{t.errors}</dt>
        <dd class={share > 0 ? s.red : undefined}>{percent(share)}</dd>
        <dt>{t.p50}</dt>
        <dd>{duration(c.p50)}</dd>
        <dt>{t.p90}</dt>
        <dd>{duration(c.p90)}</dd>
        <dt>{t.p99}</dt>
        <dd>{duration(c.p99)}</dd>
      </dl>
      <p class={s.links}>
        {c.slowest && <a href={url(`trace/${c.slowest}`)}>{t.slowest}</a>}
        {c.failed && <a href={url(`trace/${c.failed}`)}>{t.failed}</a>}
      </p>
    </>
  );
}
