import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { duration, percent, rate } from "../../format";
import { useKeys } from "../../keys";
import { serviceColor } from "../../theme/service";
import { Button } from "../../ui/Button";
import { errorShare, failing, type Edge, type Graph, type Node } from "./graph";
import { layOut, nodeHeight } from "./layout";
import { t } from "./messages";
import s from "./Map.module.css";

interface Props {
  graph: Graph;
  selected: string; // the id of a node or an edge, or ""
  match: (n: Node) => boolean; // whether the filter lets it stand out
  onSelect: (id: string) => void;
}

interface View {
  x: number;
  y: number;
  scale: number;
}

const readable = 0.45; // the scale below which names cannot be read

const clamp = (v: number, min: number, max: number) => Math.min(max, Math.max(min, v));

/** The second line of a node. */
function figures(n: Node): string {
  const parts = [rate(n.rate)];
  if (n.errors > 0) parts.push(percent(errorShare(n)));
  if (n.p99 !== undefined) parts.push(duration(n.p99));
  return parts.join(" · ");
}

let pen: CanvasRenderingContext2D | null | undefined;

function textWidth(text: string, font: string): number {
  pen ??= document.createElement("canvas").getContext("2d");
  if (!pen) return text.length * 7;
  pen.font = font;
  return pen.measureText(text).width;
}

const longestName = 26; // letters; what is longer is cut, the title has it all

export function shortName(name: string): string {
  const letters = [...name];
  return letters.length > longestName ? letters.slice(0, longestName - 1).join("") + "…" : name;
}

/** The map: boxes and lines that can be moved, zoomed and selected. */
export function Diagram({ graph, selected, match, onSelect }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 });
  const moved = useRef(false); // the user chose where to look; new data must not change that
  const [hover, setHover] = useState("");

  // New figures alone do not move anything.
  const shape = graph.nodes.map((n) => n.id).sort().join("\n") + "\n\n" + graph.edges.map((e) => e.id).sort().join("\n");
  const layout = useMemo(() => {
    const font = getComputedStyle(document.documentElement).getPropertyValue("--font");
    const names = new Map(graph.nodes.map((n) => [n.id, n]));
    return layOut(graph, (id) => {
      const n = names.get(id)!;
      return Math.ceil(Math.max(textWidth(shortName(n.name), `600 13px ${font}`) + (n.type === "service" ? 0 : 22), textWidth("9,999/s · 99.9% · 99.9 ms", `11px ${font}`))) + 30;
    });
  }, [shape]);

  const fit = () => {
    const el = box.current;
    if (!el) return;
    // Not smaller than can be read: of a large map its upper left is shown.
    const height = el.clientHeight;
    const scale = clamp(Math.min(el.clientWidth / layout.width, height / layout.height), readable, 1.15);
    setView({ scale, x: Math.max(0, (el.clientWidth - layout.width * scale) / 2), y: Math.max(0, (height - layout.height * scale) / 2) });
    moved.current = false;
  };
  useLayoutEffect(() => {
    fit();
    const b = layout.nodes.get(selected);
    if (!b) return;
    // What is selected is in sight.
    const el = box.current!;
    setView((v) => {
      const x = v.x + (b.x + b.width / 2) * v.scale;
      const y = v.y + (b.y + b.height / 2) * v.scale;
      const inside = x > 0 && y > 0 && x < el.clientWidth && y < el.clientHeight;
      return inside ? v : { ...v, x: v.x + el.clientWidth / 2 - x, y: v.y + el.clientHeight / 2 - y };
    });
  }, [layout]);
  useEffect(() => {
    const resize = new ResizeObserver(() => !moved.current && fit());
    resize.observe(box.current!);
    return () => resize.disconnect();
  }, [layout]);

  const zoom = (by: number, cx = (box.current?.clientWidth ?? 0) / 2, cy = (box.current?.clientHeight ?? 0) / 2) => {
    moved.current = true;
    setView((v) => {
      const scale = clamp(v.scale * by, 0.1, 3);
      return { scale, x: cx - ((cx - v.x) * scale) / v.scale, y: cy - ((cy - v.y) * scale) / v.scale };
    });
  };
  useEffect(() => {
    const el = box.current!;
    const wheel = (e: WheelEvent) => {
      e.preventDefault();
      const r = el.getBoundingClientRect();
      if (e.ctrlKey || !e.shiftKey) zoom(Math.exp(-e.deltaY * 0.0015), e.clientX - r.left, e.clientY - r.top);
      else setView((v) => ({ ...v, x: v.x - e.deltaY }));
    };
    el.addEventListener("wheel", wheel, { passive: false });
    return () => el.removeEventListener("wheel", wheel);
  }, []);
  useKeys(t.keys, [
    { keys: "+, =", does: t.zoomIn, run: () => zoom(1.25) },
    { keys: "-", does: t.zoomOut, run: () => zoom(0.8) },
    { keys: "0", does: t.fit, run: fit },
    { keys: "Escape", does: "", run: () => onSelect("") },
  ]);

  const drag = (e: PointerEvent) => {
    if (e.button !== 0 || (e.target as Element).closest("a, [role=button]")) return;
    const el = e.currentTarget as HTMLElement;
    el.setPointerCapture(e.pointerId);
    let { clientX, clientY } = e;
    let far = 0;
    const move = (m: PointerEvent) => {
      const dx = m.clientX - clientX;
      const dy = m.clientY - clientY;
      far += Math.abs(dx) + Math.abs(dy);
      ({ clientX, clientY } = m);
      moved.current = true;
      setView((v) => ({ ...v, x: v.x + dx, y: v.y + dy }));
    };
    const end = () => {
      el.removeEventListener("pointermove", move);
      if (far < 4) onSelect("");
    };
    el.addEventListener("pointermove", move);
    el.addEventListener("pointerup", end, { once: true });
    el.addEventListener("pointercancel", end, { once: true });
  };

  // What stands out: what is under the pointer, else what is selected, with what it touches.
  const focus = hover || selected;
  const near = new Set<string>();
  if (focus) {
    near.add(focus);
    for (const e of graph.edges) {
      if (e.id === focus) near.add(e.from).add(e.to);
      if (e.from === focus || e.to === focus) near.add(e.id).add(e.from).add(e.to);
    }
  }
  const dim = (id: string) => focus !== "" && !near.has(id);
  const most = Math.max(1, ...graph.edges.map((e) => e.calls.rate ?? 0));
  const labels = graph.edges.length <= 24;

  return (
    <div class={s.diagram}>
      <div ref={box} class={s.field} onPointerDown={drag}>
        <svg width="100%" height="100%" role="group" aria-label={t.canvas(graph.nodes.length, graph.edges.length)}>
          <defs>
            {["plain", "bad"].map((k) => (
              <marker key={k} id={`arrow-${k}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">
                <path d="M0 0.5L8 4L0 7.5Z" class={k === "bad" ? s.arrowBad : s.arrow} />
              </marker>
            ))}
          </defs>
          <g transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
            {graph.edges.map((e) => {
              const at = layout.edges.get(e.id);
              if (!at) return null;
              const bad = errorShare(e.calls) > failing;
              return (
                <g key={e.id} class={[s.edge, bad && s.bad, dim(e.id) && s.dim, e.id === selected && s.chosen].filter(Boolean).join(" ")} onPointerEnter={() => setHover(e.id)} onPointerLeave={() => setHover("")} onClick={() => onSelect(e.id)}>
                  <path d={at.path} class={s.reach} />
                  <path d={at.path} class={s.line} stroke-width={1 + 3 * Math.sqrt((e.calls.rate ?? 0) / most)} marker-end={`url(#arrow-${bad ? "bad" : "plain"})`} />
                  {(labels || near.has(e.id)) && <EdgeLabel edge={e} x={at.x} y={at.y} full={e.id === focus} />}
                </g>
              );
            })}
            {graph.nodes.map((n) => {
              const b = layout.nodes.get(n.id);
              if (!b) return null;
              const bad = errorShare(n) > failing;
              return (
                <g
                  key={n.id}
                  role="button"
                  tabindex={0}
                  aria-pressed={n.id === selected}
                  aria-label={t.node(`${shortName(n.name)} ${figures(n)}`, t[n.type], n.name === shortName(n.name) ? "" : n.name)}
                  class={[s.node, bad && s.bad, (dim(n.id) || !match(n)) && s.dim, n.id === selected && s.chosen].filter(Boolean).join(" ")}
                  transform={`translate(${b.x} ${b.y})`}
                  onPointerEnter={() => setHover(n.id)}
                  onPointerLeave={() => setHover("")}
                  onClick={() => onSelect(n.id)}
                  onKeyDown={(e) => {
                    if (e.key !== "Enter" && e.key !== " ") return;
                    e.preventDefault();
                    onSelect(n.id);
                  }}
                >
                  <rect width={b.width} height={nodeHeight} rx="8" class={s.card} />
                  {n.type === "service" ? <rect x="8" y="10" width="4" height={nodeHeight - 20} rx="2" style={{ fill: serviceColor(n.name) }} /> : <TypeMark type={n.type} />}
                  <text x={n.type === "service" ? 20 : 34} y="19" class={s.name}>
                    {shortName(n.name)}
                  </text>{" "}
                  <text x={n.type === "service" ? 20 : 34} y="35" class={s.figures}>
                    {figures(n)}
                  </text>
                </g>
              );
            })}
          </g>
        </svg>
        <div class={s.zoom}>
          <Button icon="plus" label={t.zoomIn} onClick={() => zoom(1.25)} />
          <Button icon="minus" label={t.zoomOut} onClick={() => zoom(0.8)} />
          <Button icon="fit" label={t.fit} onClick={fit} />
        </div>
      </div>
      <p class={s.legend}>{t.legend}</p>
    </div>
  );
}

function EdgeLabel({ edge: e, x, y, full }: { edge: Edge; x: number; y: number; full: boolean }) {
  const share = errorShare(e.calls);
  const text = full ? [rate(e.calls.rate), share > 0 && percent(share), e.calls.p99 !== undefined && `p99 ${duration(e.calls.p99)}`].filter(Boolean).join(" · ") : rate(e.calls.rate);
  return (
    <text x={x} y={y - 5} class={s.label} text-anchor="middle">
      {text}
    </text>
  );
}

// A drum, a row of messages, a globe.
const marks = {
  database: "M10 15c0-4 14-4 14 0v16c0 4-14 4-14 0zM10 15c0 4 14 4 14 0M10 23c0 4 14 4 14 0",
  queue: "M9 17h16v12H9zM14.5 17v12M20 17v12",
  external: "M17 31a8 8 0 1 0 0-16 8 8 0 0 0 0 16M9 23h16M17 15c3.5 2.5 3.5 13.5 0 16M17 15c-3.5 2.5-3.5 13.5 0 16",
};

function TypeMark({ type }: { type: Exclude<Node["type"], "service"> }) {
  return <path d={marks[type]} class={s.mark} />;
}
