import type { Graph } from "../../api/types";
import { peerURL, serviceURL } from "../../calls/links";
import { duration, percent, rate } from "../../format";
import { Panel } from "../../ui/Panel";
import { Service } from "../../ui/Service";
import { t } from "./messages";
import table from "../../calls/Table.module.css";
import s from "./Neighbours.module.css";

type Edge = Graph["edges"][number];

/** Who calls a service, and whom it calls. */
export function Neighbours({ graph, service }: { graph: Graph; service: string }) {
  const callers = graph.edges.filter((e) => e.server === service && e.serverType === "service" && e.client !== service);
  const callees = graph.edges.filter((e) => e.client === service && !(e.server === service && e.serverType === "service"));
  return (
    <div class={s.neighbours}>
      <List title={t.callers} edges={callers} of="client" nobody={t.noCallers} />
      <List title={t.callees} edges={callees} of="server" nobody={t.noCallees} />
    </div>
  );
}

function List({ title, edges, of, nobody }: { title: string; edges: readonly Edge[]; of: "client" | "server"; nobody: string }) {
  return (
    <Panel flush title={title}>
      {edges.length === 0 ? (
        <p class={s.nobody}>{nobody}</p>
      ) : (
        <div class={table.scroll}>
          <table class={[table.table, s.table].join(" ")}>
            <colgroup>
              <col />
              <col class={s.number} />
              <col class={s.number} />
              <col class={s.p50} />
              <col class={s.number} />
            </colgroup>
            <thead>
              <tr>
                <th scope="col" class={table.head}>{t.neighbour}</th>
                <th scope="col" class={["num", table.head].join(" ")}>{t.rate}</th>
                <th scope="col" class={["num", table.head].join(" ")}>{t.errors}</th>
                <th scope="col" class={["num", table.head, s.p50].join(" ")}>{t.p50}</th>
                <th scope="col" class={["num", table.head].join(" ")}>{t.p99}</th>
              </tr>
            </thead>
            <tbody>
              {edges.map((e) => (
                <Row key={[e[of], e.serverType, e.connection, e.system].join("\n")} edge={e} of={of} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function Row({ edge: e, of }: { edge: Edge; of: "client" | "server" }) {
  const type = of === "client" ? "service" : e.serverType;
  const share = e.calls.count ? e.calls.errors / e.calls.count : 0;
  // Of databases and the like weft knows only what their callers saw.
  const how = [type === "service" ? "" : t[type], e.system ?? (e.connection === "http" || e.connection === "rpc" ? e.connection.toUpperCase() : e.connection === "messaging" ? t.queue : "")].filter(Boolean).join(" · ");
  return (
    <tr>
      <th scope="row">
        <span class={s.name}>
          {type === "service" ? (
            <a class={table.link} href={serviceURL(e[of])}>
              <Service name={e[of]} />
            </a>
          ) : (
            <a class={[table.link, s.other].join(" ")} href={peerURL(e.client, type, e[of])} title={t.traces}>
              <bdi>{e[of]}</bdi>
            </a>
          )}
          <span class={s.how}>{how}</span>
        </span>
      </th>
      <td class="num">{rate(e.calls.rate)}</td>
      <td class={["num", share > 0 ? table.failing : table.quiet].join(" ")}>{percent(share)}</td>
      <td class={["num", s.p50].join(" ")}>{duration(e.calls.p50)}</td>
      <td class="num">{duration(e.calls.p99)}</td>
    </tr>
  );
}
