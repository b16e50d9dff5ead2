import { useEffect, useState } from "preact/hooks";
import { get, useLoad } from "../../api/client";
import type { HeatMap as Data } from "../../api/types";
import { queryOf, type Which } from "../../calls/links";
import { percent, queryDuration } from "../../format";
import { condition } from "../../query";
import { range, setRange } from "../../range";
import { navigate, place, setParams, url } from "../../router";
import { Button } from "../../ui/Button";
import { boxParam, readBox, type Box } from "../../ui/heat";
import { HeatMap } from "../../ui/HeatMap";
import { Panel } from "../../ui/Panel";
import { Partial, ProblemBox } from "../../ui/State";
import { t } from "./messages";
import s from "./SlowAgainstNormal.module.css";

/** Latency over time as a heat map. A part of it that is dragged over can be zoomed to, or searched for. */
export function LatencyMap({ which, from, to }: { which: Which; from: number; to: number }) {
  const r = range.value;
  const q = queryOf(which);
  const [columns, setColumns] = useState(120);
  useEffect(() => setColumns(Math.max(40, Math.min(200, Math.round(innerWidth / 9)))), []);
  const found = useLoad((signal) => get<Data>("/heatmap", { q, from: r.from, to: r.to, columns, perDecade: 8, budget: "1s" }, signal), [q, r.from, r.to, columns]);
  const share = found.data?.share ?? 1;
  const box = readBox(place.value.params.get("box"));
  const zoom = (b: Box) => {
    setParams({ box: null }, { replace: true });
    setRange({ from: b.from, to: b.to });
  };
  return (
    <Panel
      title={t.latencyMap}
      loading={found.loading}
      aside={
        <>
          {share < 1 && <span class={s.estimated}>{t.estimated(percent(share))}</span>}
          {box && (
            <>
              <Button icon="fit" onClick={() => zoom(box)}>
                {t.zoom}
              </Button>
              <Button
                icon="search"
                onClick={() => navigate(url("search", { q: queryOf(which, { and: `${condition("duration", ">=", queryDuration(box.min))} and ${condition("duration", "<", queryDuration(box.max))}` }), from: Math.floor(box.from), to: Math.ceil(box.to) }))}
              >
                {t.searchBox}
              </Button>
              <Button look="quiet" icon="close" label={t.clear} onClick={() => setParams({ box: null }, { replace: true })} />
            </>
          )}
        </>
      }
    >
      {found.error && <ProblemBox problem={found.error} retry={found.reload} />}
      {found.data?.partial && share >= 1 && <Partial why={found.data.why} />}
      <HeatMap data={found.data} from={from} to={to} label={t.latencyMapLabel} box={box} onSelect={(b) => setParams({ box: boxParam(b) }, { replace: true })} onOpen={(id) => navigate(url(`trace/${id}`))} />
    </Panel>
  );
}

