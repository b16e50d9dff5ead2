import s from "./ErrorSpark.module.css";

/** The share of errors over time, in a table: a bar where something failed, a quiet line where nothing did, nothing without calls. */
export function ErrorSpark({ values, label, width = 90, height = 26 }: { values: readonly (number | null)[]; label: string; width?: number; height?: number }) {
  const max = Math.max(...values.map((v) => v ?? 0), 0);
  const w = width / Math.max(1, values.length);
  let calm = "";
  let bars = "";
  values.forEach((v, i) => {
    const x = i * w;
    if (v === null) return;
    calm += `M${x.toFixed(1)} ${height - 1.5}h${w.toFixed(2)}`;
    // Few errors are to be seen, too: a bar is at least three pixels high.
    if (v > 0) {
      const h = 3 + (v / max) * (height - 5);
      bars += `M${(x + 0.5).toFixed(1)} ${height - 1}h${Math.max(1, w - 1).toFixed(2)}v${(-h).toFixed(1)}h${(-Math.max(1, w - 1)).toFixed(2)}z`;
    }
  });
  return (
    <svg class={s.spark} width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      <path class={s.calm} d={calm} />
      <path class={s.bars} d={bars} />
    </svg>
  );
}
