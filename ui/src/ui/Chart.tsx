import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { axisTime, time, utc } from "../format";
import { lang } from "../i18n";
import { isDark, token } from "../theme/theme";
import s from "./Chart.module.css";

/** One line, or filled area, over time. Values that are null leave a gap. */
export interface Series {
  name: string;
  color: string; // a token such as "--accent"
  values: readonly (number | null)[];
  fill?: boolean;
  dash?: boolean;
}

interface Props {
  label: string; // what the chart shows, for screen readers
  times: readonly number[]; // milliseconds, ascending; what the values belong to
  series: readonly Series[];
  from: number; // the axis, in milliseconds
  to: number;
  format: (v: number) => string; // of a value
  height?: number;
  syncKey?: string; // charts with the same key show the same moment under the pointer
  log?: boolean;
  least?: number; // where the axis ends when all values are zero
  onSelect?: (from: number, to: number) => void; // a stretch of time was dragged over
}

/** Lines over time, with the values under the pointer below. */
export function Chart({ label, times, series, from, to, format, height = 150, syncKey, log = false, least = 1, onSelect }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef({ format, onSelect, from, to });
  latest.current = { format, onSelect, from, to };
  const look = [isDark.value, lang.value, utc.value, log, height, syncKey, series.map((x) => x.name + x.color + x.fill + x.dash).join()].join();

  useEffect(() => {
    const el = box.current!;
    const axis: uPlot.Axis = {
      stroke: token("--text-3"),
      font: `11px ${token("--font")}`,
      grid: { stroke: token("--border"), width: 1 },
      ticks: { stroke: token("--border"), size: 4 },
    };
    const u = new uPlot(
      {
        width: el.clientWidth,
        height,
        padding: [8, 8, 0, 0],
        legend: { show: true, live: true, markers: marks },
        cursor: { sync: syncKey ? { key: syncKey } : undefined, drag: { x: !!onSelect, y: false, setScale: false }, points: { size: 6 } },
        scales: {
          x: { time: true, range: () => [latest.current.from, latest.current.to] },
          y: log ? { distr: 3 } : { range: (_u, _min, max) => [0, max > 0 ? max * 1.08 : least] },
        },
        ms: 1,
        axes: [
          { ...axis, space: 80, size: 28, values: (u, ticks) => ticks.map((v) => axisTime(v, u.scales.x.max! - u.scales.x.min!)) },
          { ...axis, size: 62, space: 32, values: (_u, ticks) => ticks.map((v) => (v === null ? "" : latest.current.format(v))) },
        ],
        series: [
          { label: "", value: (_u, v) => (v === null || v === undefined ? "" : time(v)) },
          ...series.map((x) => ({
            label: x.name,
            stroke: token(x.color),
            width: 1.5,
            dash: x.dash ? [4, 4] : undefined,
            fill: x.fill ? token(x.color) + "26" : undefined,
            points: { show: x.values.length < 3, size: 4, filter: (u: uPlot, i: number) => alone(u.data[i]) },
            // Without a pointer there is no value to show.
            value: (_u: uPlot, v: number | null, _i: number, at: number | null) => (at === null || at === undefined ? "" : v === null || v === undefined ? "–" : latest.current.format(v)),
          })),
        ],
        hooks: {
          setSelect: [
            (u) => {
              if (u.select.width < 4) return;
              latest.current.onSelect?.(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      [[], ...series.map(() => [])] as unknown as uPlot.AlignedData,
      el,
    );
    plot.current = u;
    const resize = new ResizeObserver(() => u.setSize({ width: el.clientWidth, height }));
    resize.observe(el);
    return () => {
      resize.disconnect();
      u.destroy();
    };
  }, [look]);

  useEffect(() => {
    plot.current?.setData([times as number[], ...series.map((x) => x.values as (number | null)[])]);
  });

  return <div ref={box} class={s.chart} role="img" aria-label={label} style={{ minHeight: `${height + 28}px` }} />;
}

/** Lines that are dashed have a dashed mark, so that they differ by more than their colour. */
const marks: uPlot.Legend.Markers = {
  show: true,
  width: (u, i) => (u.series[i].dash ? 2 : 0),
  dash: () => "dashed",
  stroke: (u, i) => color(u, i),
  fill: (u, i) => (u.series[i].dash ? "transparent" : color(u, i)),
};

function color(u: uPlot, i: number): string {
  const stroke = u.series[i].stroke;
  return String(typeof stroke === "function" ? stroke(u, i) : (stroke ?? ""));
}

/** Which values have none beside them: a line would not show them, so they are drawn as points. */
function alone(values: ArrayLike<number | null | undefined>): number[] | null {
  const none = (v: number | null | undefined) => v === null || v === undefined;
  const out: number[] = [];
  for (let i = 0; i < values.length; i++) if (!none(values[i]) && none(values[i - 1]) && none(values[i + 1])) out.push(i);
  return out.length > 0 ? out : null;
}
