import s from "./Spark.module.css";

interface Props {
  values: readonly (number | null)[]; // at equal distances; null: nothing is known
  label: string; // what it shows, in words
  color?: string; // a token
  width?: number;
  height?: number;
}

/** A small line in a table, from zero up to its own maximum. */
export function Spark({ values, label, color = "--accent", width = 110, height = 26 }: Props) {
  const max = Math.max(...values.map((v) => v ?? 0), 0);
  const n = values.length;
  const x = (i: number) => (n < 2 ? width / 2 : (i / (n - 1)) * (width - 2) + 1);
  const y = (v: number) => height - 2 - (max > 0 ? (v / max) * (height - 4) : 0);
  let line = "";
  let area = "";
  let start = -1;
  for (let i = 0; i <= n; i++) {
    const v = i < n ? values[i] : null;
    if (v === null || v === undefined) {
      if (start >= 0) area += `L${x(i - 1).toFixed(1)} ${height - 1}L${x(start).toFixed(1)} ${height - 1}Z`;
      start = -1;
      continue;
    }
    const to = `${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    line += (start < 0 ? "M" : "L") + to + (start < 0 ? "h0" : ""); // one value alone is a point
    area += start < 0 ? `M${x(i).toFixed(1)} ${height - 1}L${to}` : "L" + to;
    if (start < 0) start = i;
  }
  return (
    <svg class={s.spark} width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} style={{ color: `var(${color})` }}>
      <path d={area} fill="currentColor" opacity="0.14" />
      <path d={line} fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" stroke-linecap="round" />
    </svg>
  );
}
