import { duration, percent, rate } from "../../format";
import { setRange } from "../../range";
import { Chart, type Series } from "../../ui/Chart";
import { Panel } from "../../ui/Panel";
import { alongside, type Red } from "./load";
import { t } from "./messages";
import s from "./Charts.module.css";

const syncKey = "red";

/** Rate, errors and latency over time, with the time before as a dashed line; dragging over one zooms the time of the page. */
export function Charts({ red, loading }: { red: Red; loading: boolean }) {
  const { over, overBefore, from, to } = red;
  const failing = red.now.errors > 0; // only errors are red
  const behind = (values: readonly (number | null)[]): Series[] =>
    red.before.count > 0 ? [{ name: t.before, color: "--text-3", dash: true, values: alongside(over.times, overBefore, values, to - from) }] : [];
  const chart = { times: over.times, from, to, syncKey, onSelect: (a: number, b: number) => setRange({ from: a, to: b }) };
  return (
    <div class={s.charts}>
      <Panel title={t.rate} loading={loading} aside={<span class={s.hint}>{t.zoomHint}</span>}>
        <Chart {...chart} label={t.rateChart} format={rate} series={[{ name: t.ok, color: "--accent", fill: true, values: over.ok }, ...(failing ? [{ name: t.failed, color: "--error-fill", fill: true, values: over.errors }] : []), ...behind(red.rateBefore)]} />
      </Panel>
      <Panel title={t.errors} loading={loading}>
        <Chart {...chart} label={t.errorChart} format={percent} least={0.01} series={[{ name: t.errors, color: failing ? "--error-fill" : "--border-strong", fill: failing, values: over.share }, ...behind(overBefore.share)]} />
      </Panel>
      <Panel title={t.latency} loading={loading}>
        <Chart
          {...chart}
          label={t.latencyChart}
          format={duration}
          series={[{ name: "p50", color: "--text-2", values: over.p50 }, { name: "p90", color: "--accent", values: over.p90 }, { name: "p99", color: "--slow-fill", values: over.p99 }, ...behind(overBefore.p99).map((b) => ({ ...b, name: t.p99Before }))]}
        />
      </Panel>
    </div>
  );
}
