import { useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { percent } from "../../format";
import { lang } from "../../i18n";
import { place, setParams } from "../../router";
import { isDark } from "../../theme/theme";
import { Segments } from "../../ui/Button";
import s from "./Flame.module.css";
import { Crumbs, Facts, Tip } from "./FlameInfo";
import { t } from "./FlameMessages";
import { boxHeight, FlamePainter, type Scene } from "./FlamePaint";
import { FlameLayout, FlameTree, type Weight } from "./FlameTree";
import type { Opened } from "./opened";
import { clean } from "./WaterfallTexts";

const weights: readonly Weight[] = ["share", "self", "path", "count"];

/** A trace with its operations put together: who spends how much, and called by whom. */
export default function Flame({ opened }: { opened: Opened }) {
  const trace = opened.trace.value;
  const tree = useMemo(() => new FlameTree(trace), [trace]);
  const asked = place.value.params.get("width");
  const weight = weights.find((w) => w === asked) ?? "share";
  const layout = useMemo(() => new FlameLayout(tree, weight), [tree, weight]);
  const topRow = trace.row(place.value.params.get("top") ?? "");
  const top = topRow >= 0 ? tree.nodeOf[topRow] : 0;
  const zoom = (node: number) => {
    setParams({ top: node > 0 ? trace.spanId(tree.row[node]) : null });
    setCursor(node > 0 ? node : cursor);
  };

  const [cursor, setCursor] = useState(-1);
  const [hover, setHover] = useState<{ node: number; x: number; y: number } | undefined>();
  const [size, setSize] = useState({ width: 0, height: 0 });
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<FlamePainter | undefined>(undefined);
  const frame = useRef(0);
  const scene = useRef<Scene>(undefined as unknown as Scene);

  // What stands back, and how much of each node was searched for.
  const dim = opened.dim.value;
  const mask = opened.found.value?.hits.mask;
  const marks = useMemo(() => {
    if (!dim && !mask) return { dimmed: undefined, hits: undefined };
    const dimmed = new Uint8Array(tree.count).fill(dim ? 1 : 0);
    const hits = new Uint32Array(tree.count);
    for (let r = 0; r < trace.count; r++) {
      const k = tree.nodeOf[r];
      if (dim && !dim[r]) dimmed[k] = 0;
      if (mask?.[r]) hits[k]++;
    }
    return { dimmed: dim ? dimmed : undefined, hits: mask ? hits : undefined };
  }, [tree, dim, mask]);

  const row = opened.selected.value;
  const at = cursor >= 0 && cursor < tree.count ? cursor : row >= 0 && row < trace.count ? tree.nodeOf[row] : -1;
  scene.current = { layout, top, scroll: scroller.current?.scrollTop ?? 0, cursor: at, hover: hover?.node ?? -1, selected: row >= 0 && row < trace.count ? tree.nodeOf[row] : -1, ...marks, focused: scene.current?.focused ?? false };

  const redraw = () => {
    frame.current ||= requestAnimationFrame(() => {
      frame.current = 0;
      scene.current.scroll = scroller.current?.scrollTop ?? 0;
      painter.current?.draw(scene.current);
    });
  };

  useEffect(() => {
    const el = scroller.current!;
    const observer = new ResizeObserver(() => setSize({ width: el.clientWidth, height: el.clientHeight }));
    observer.observe(el);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
    };
  }, []);

  useEffect(() => {
    painter.current = new FlamePainter(canvas.current!, tree);
    if (size.width) painter.current.resize(size.width, size.height);
    redraw();
  }, [tree]);

  useEffect(() => {
    if (size.width === 0) return;
    painter.current!.resize(size.width, size.height);
    painter.current!.draw(scene.current);
  }, [size.width, size.height]);

  useSignalEffect(() => {
    isDark.value;
    lang.value;
    // The theme's tokens hold once the attribute that selects them is set, which is an effect as well.
    const id = requestAnimationFrame(() => {
      painter.current?.restyle();
      redraw();
    });
    return () => cancelAnimationFrame(id);
  });

  useEffect(redraw);

  const bringIntoSight = (node: number) => {
    const el = scroller.current!;
    const y = (tree.depth[node] - 1) * boxHeight;
    if (y < el.scrollTop) el.scrollTop = y;
    else if (y + boxHeight > el.scrollTop + el.clientHeight) el.scrollTop = y + boxHeight - el.clientHeight;
  };

  const move = (node: number) => {
    if (node <= 0 || node >= tree.count) return;
    setCursor(node);
    bringIntoSight(node);
    // Nobody moves to what is not drawn: what is left goes out of the zoom with it.
    if (top > 0 && !tree.within(node, top) && !tree.within(top, node)) setParams({ top: null }, { replace: true });
  };

  const onKeyDown = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const node = at > 0 ? at : layout.child[layout.first[top]];
    const from = layout.first[tree.parent[node]];
    const until = layout.first[tree.parent[node] + 1];
    const index = layout.child.subarray(from, until).indexOf(node);
    const first = layout.first[node];
    const act: Record<string, () => void> = {
      ArrowDown: () => (at <= 0 ? move(node) : first < layout.first[node + 1] && move(layout.child[first])),
      ArrowUp: () => move(tree.parent[node]),
      ArrowLeft: () => index > 0 && move(layout.child[from + index - 1]),
      ArrowRight: () => (at <= 0 ? move(node) : from + index + 1 < until && move(layout.child[from + index + 1])),
      Home: () => move(layout.child[layout.first[0]]),
      Enter: () => zoom(node),
      Backspace: () => zoom(top > 0 ? Math.max(0, tree.parent[top]) : 0),
      " ": () => opened.select(tree.longest[node], { details: true }),
    };
    if (!Object.hasOwn(act, e.key) || tree.count < 2) return;
    act[e.key]();
    e.preventDefault();
    e.stopPropagation();
  };

  const pointed = (e: PointerEvent | MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const x = e.clientX - box.left;
    const y = e.clientY - box.top;
    return { node: painter.current?.at(x, y) ?? -1, x, y };
  };

  const shown = hover && hover.node > 0 ? hover.node : at;
  const height = tree.maxDepth * boxHeight + 8;
  const help = { share: t.shareHelp, self: t.selfHelp, path: t.pathHelp, count: t.countHelp }[weight];
  return (
    <div class={s.flame}>
      <div class={s.tools}>
        <Segments value={weight} options={weights.map((w) => ({ value: w, text: t[w], title: { share: t.shareHelp, self: t.selfHelp, path: t.pathHelp, count: t.countHelp }[w] }))} onChange={(w) => setParams({ width: w === "share" ? null : w })} label={t.widthIs} />
        <p class={s.help}>{help}</p>
      </div>
      <Crumbs tree={tree} top={top} onZoom={zoom} />
      <div
        ref={scroller}
        class={s.scroller}
        tabIndex={0}
        role="tree"
        aria-label={t.keys}
        aria-activedescendant={at > 0 ? `flame-${at}` : undefined}
        onKeyDown={onKeyDown}
        onScroll={redraw}
        onFocus={() => {
          scene.current.focused = true;
          redraw();
        }}
        onBlur={() => {
          scene.current.focused = false;
          redraw();
        }}
        onPointerMove={(e) => {
          const p = pointed(e);
          if (p.node !== hover?.node || p.node > 0) setHover(p.node > 0 ? p : undefined);
        }}
        onPointerLeave={() => setHover(undefined)}
        onClick={(e) => {
          const { node } = pointed(e);
          if (node <= 0) return;
          // The box that is zoomed into already goes back by one.
          if (node === top) zoom(0);
          else zoom(node);
        }}
        onDblClick={(e) => {
          const { node } = pointed(e);
          if (node > 0) opened.select(tree.longest[node], { details: true });
        }}
      >
        <div class={s.spacer} style={{ height: `${height}px` }}>
          <div class={s.sticky} style={{ height: `${size.height}px` }}>
            <canvas ref={canvas} class={s.canvas} data-hover={hover ? "" : undefined} aria-hidden="true" />
            {hover && hover.node > 0 && <Tip tree={tree} layout={layout} node={hover.node} x={hover.x} y={hover.y} width={size.width} height={size.height} />}
          </div>
        </div>
        <Nodes tree={tree} layout={layout} at={at} />
      </div>
      {layout.sum === 0 ? <p class={s.empty}>{t.nothing}</p> : <Facts opened={opened} tree={tree} layout={layout} node={shown} hits={marks.hits} />}
      <Largest tree={tree} layout={layout} />
    </div>
  );
}

/** The words of a node for screen readers. */
function words(tree: FlameTree, layout: FlameLayout, node: number): string {
  const row = tree.row[node];
  return t.label(clean(tree.trace.serviceOf(row).slice(0, 200)) || t.noService, clean(tree.trace.nameOf(row).slice(0, 300)) || t.noName, t.spans(tree.spans[node]), percent(layout.width[node]));
}

/** The node that the keyboard is at and those beside it, as elements that nobody sees. */
function Nodes({ tree, layout, at }: { tree: FlameTree; layout: FlameLayout; at: number }) {
  const parent = at > 0 ? tree.parent[at] : 0;
  const list = [...layout.child.subarray(layout.first[parent], Math.min(layout.first[parent] + 50, layout.first[parent + 1]))];
  if (at > 0 && !list.includes(at)) list.push(at);
  return (
    <div class="hidden-text">
      {list.map((k) => (
        <div key={k} id={`flame-${k}`} role="treeitem" aria-level={tree.depth[k]} aria-selected={k === at} aria-expanded={layout.first[k] < layout.first[k + 1] ? true : undefined}>
          {words(tree, layout, k)}
        </div>
      ))}
    </div>
  );
}

/** The picture in words: its widest boxes, from the top down. */
function Largest({ tree, layout }: { tree: FlameTree; layout: FlameLayout }) {
  const list = useMemo(() => {
    const nodes = Array.from({ length: tree.count - 1 }, (_, i) => i + 1);
    if (nodes.length > 20_000) nodes.length = 20_000; // from the top
    return nodes.sort((a, b) => layout.width[b] - layout.width[a]).slice(0, 20);
  }, [tree, layout]);
  return (
    <div class="hidden-text">
      <table>
        <caption>{t.largest}</caption>
        <tbody>
          {list.map((k) => (
            <tr key={k}>
              <th scope="row">{words(tree, layout, k)}</th>
              <td>
                {t.level} {tree.depth[k]}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
