import { useLoad } from "../../api/client";
import type { Kind } from "../../api/types";
import { searchURL } from "../../calls/links";
import { kindName } from "../../kinds";
import { range } from "../../range";
import { ProblemBox, Progress } from "../../ui/State";
import { Charts } from "./Charts";
import { Examples } from "./Examples";
import { Figures } from "./Figures";
import { Changed, Heading, LinkButton } from "./Heading";
import { LatencyMap } from "./LatencyMap";
import { loadRoute } from "./load";
import { t } from "./messages";
import { NoCalls } from "./ServicePage";
import { SlowAgainstNormal } from "./SlowAgainstNormal";
import { Waits } from "./Waits";
import page from "../page.module.css";

/** One operation of a service: how it does, examples, and what is different about those of its calls that are slow or fail. */
export function RoutePage({ service, operation, kind }: { service: string; operation: string; kind: Kind | undefined }) {
  const r = range.value;
  const loaded = useLoad((signal) => loadRoute(r, service, operation, kind, signal), [service, operation, kind, r.from, r.to]);
  const red = loaded.data;
  const which = { service, operation, kind };
  return (
    <div class={page.page}>
      <Heading
        service={service}
        operation={operation}
        kind={kind && kindName(kind)}
        links={
          <>
            <LinkButton icon="search" href={searchURL(which)}>{t.traces}</LinkButton>
            <LinkButton icon="warning" href={searchURL(which, { failed: true })}>{t.errorsOnly}</LinkButton>
            <LinkButton icon="clock" href={searchURL(which, { slowest: true })}>{t.slowest}</LinkButton>
          </>
        }
      />
      {loaded.error && <ProblemBox problem={loaded.error} retry={loaded.reload} />}
      {!red && !loaded.error && <Progress on />}
      {red &&
        (red.now.count === 0 ? (
          <NoCalls name={operation} red={red} />
        ) : (
          <>
            <Changed changes={red.changes} />
            <Figures red={red} />
            <Charts red={red} loading={loaded.loading} />
            <LatencyMap which={which} from={red.from} to={red.to} />
            <Examples which={which} now={red.now} />
            <SlowAgainstNormal which={which} now={red.now} />
            <Waits which={which} />
          </>
        ))}
    </div>
  );
}
