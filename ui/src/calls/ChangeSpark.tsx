import s from "./ChangeSpark.module.css";

interface Props {
  before: readonly (number | null)[];
  now: readonly (number | null)[];
  bars?: boolean; // of shares that are mostly zero
  look: "error" | "slow" | "better" | "plain";
  label: string;
  width?: number;
  height?: number;
}

/** A value over the time before and now, one beside the other on the same scale. */
export function ChangeSpark({ before, now, bars = false, look, label, width = 100, height = 34 }: Props) {
  const max = Math.max(0, ...before.map((v) => v ?? 0), ...now.map((v) => v ?? 0));
  const half = before.length > 0 ? width / 2 : 0;
  const draw = bars ? columns : line;
  return (
    <svg class={[s.spark, s[look]].join(" ")} width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {half > 0 && <path class={bars ? s.barsBefore : s.lineBefore} d={draw(before, 0, half - 2, height, max)} />}
      {half > 0 && <path class={s.border} d={`M${half} 0V${height}`} />}
      <path class={bars ? s.barsNow : s.lineNow} d={draw(now, half + (half > 0 ? 2 : 0), width, height, max)} />
    </svg>
  );
}

function line(values: readonly (number | null)[], from: number, to: number, height: number, max: number): string {
  const x = (i: number) => from + 1 + (values.length < 2 ? 0.5 : i / (values.length - 1)) * (to - from - 2);
  const y = (v: number) => height - 2 - (max > 0 ? (v / max) * (height - 4) : 0);
  let d = "";
  values.forEach((v, i) => {
    if (v === null) return;
    const alone = (values[i - 1] ?? null) === null;
    d += `${alone ? "M" : "L"}${x(i).toFixed(1)} ${y(v).toFixed(1)}${alone ? "h0" : ""}`;
  });
  return d;
}

function columns(values: readonly (number | null)[], from: number, to: number, height: number, max: number): string {
  const w = (to - from) / Math.max(1, values.length);
  let d = "";
  values.forEach((v, i) => {
    if (v === null) return;
    const h = v > 0 ? 3 + (v / max) * (height - 4) : 1;
    d += `M${(from + i * w).toFixed(1)} ${height}h${Math.max(1, w - (v > 0 ? 1 : 0)).toFixed(2)}v${(-h).toFixed(1)}h${(-Math.max(1, w - (v > 0 ? 1 : 0))).toFixed(2)}z`;
  });
  return d;
}
