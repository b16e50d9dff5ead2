import { useLoad } from "../../api/client";
import { searchURL } from "../../calls/links";
import { range, rangeParams, setRange } from "../../range";
import { url } from "../../router";
import { distinguish } from "../../theme/service";
import { Button } from "../../ui/Button";
import { Empty, ProblemBox, Progress } from "../../ui/State";
import { Charts } from "./Charts";
import { Figures } from "./Figures";
import { nodeId } from "../map/graph";
import { Changed, Heading, LinkButton } from "./Heading";
import { loadService, type Red } from "./load";
import { t } from "./messages";
import { Neighbours } from "./Neighbours";
import { OperationTable } from "./OperationTable";
import { Waits } from "./Waits";
import page from "../page.module.css";
import s from "./ServicePage.module.css";

/** One service: how it does, what it does, who calls it and whom it calls. */
export function ServicePage({ service }: { service: string }) {
  const r = range.value;
  const loaded = useLoad((signal) => loadService(r, service, signal), [service, r.from, r.to]);
  const data = loaded.data;
  if (data) distinguish([service, ...data.graph.nodes.filter((n) => n.type === "service" && n.name !== service).map((n) => n.name)]);
  const which = { service, requests: data?.judgedByRequests ?? true };
  return (
    <div class={page.page}>
      <Heading
        service={service}
        links={
          <>
            <LinkButton icon="search" href={searchURL(which)}>{t.traces}</LinkButton>
            <LinkButton icon="warning" href={searchURL(which, { failed: true })}>{t.errorsOnly}</LinkButton>
            <LinkButton icon="clock" href={searchURL(which, { slowest: true })}>{t.slowest}</LinkButton>
            <LinkButton icon="globe" href={url("map", { selected: nodeId("service", service), ...rangeParams() })}>{t.onMap}</LinkButton>
          </>
        }
      />
      {loaded.error && <ProblemBox problem={loaded.error} retry={loaded.reload} />}
      {!data && !loaded.error && <Progress on />}
      {data &&
        (data.operations.operations.length === 0 ? (
          <NoCalls name={service} red={data.red} />
        ) : (
          <>
            <Changed changes={data.red.changes} />
            <Figures red={data.red} />
            {!data.judgedByRequests && <p class={s.note}>{t.bySpans}</p>}
            <Charts red={data.red} loading={loaded.loading} />
            <OperationTable data={data.operations} judgedByRequests={data.judgedByRequests} seconds={(data.red.to - data.red.from) / 1000} covered={data.red.covered} />
            <Neighbours graph={data.graph} service={service} />
            <Waits which={{ service }} />
          </>
        ))}
    </div>
  );
}

/** Says that there is nothing in the range, and offers longer ones. */
export function NoCalls({ name, red }: { name: string; red: Red }) {
  return (
    <Empty title={t.nothing(name)}>
      <p>{red.before.count > 0 ? t.nothingNow : t.nothingBefore}</p>
      <div class={s.buttons}>
        {([["-6h", t.hours6], ["-1d", t.day], ["-7d", t.week]] as const).map(([to, name]) => (
          <Button key={to} onClick={() => setRange(to)}>
            {t.lookBack(name)}
          </Button>
        ))}
      </div>
    </Empty>
  );
}
