import { duration, exactDuration, percent } from "../../format";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Service } from "../../ui/Service";
import s from "./Flame.module.css";
import { t } from "./FlameMessages";
import type { FlameLayout, FlameTree } from "./FlameTree";
import type { Opened } from "./opened";
import { clean } from "./WaterfallTexts";

function nameOf(tree: FlameTree, node: number): string {
  return clean(tree.trace.nameOf(tree.row[node]).slice(0, 400)) || t.noName;
}

function serviceOf(tree: FlameTree, node: number): string {
  return clean(tree.trace.serviceOf(tree.row[node])) || t.noService;
}

/** The way from the root to what is zoomed into; each step goes back to it. */
export function Crumbs({ tree, top, onZoom }: { tree: FlameTree; top: number; onZoom: (node: number) => void }) {
  if (top <= 0) return null;
  const way = tree.way(top);
  return (
    <nav class={s.crumbs} aria-label={t.breadcrumb}>
      <ol>
        <li>
          <button type="button" onClick={() => onZoom(0)}>
            {t.whole}
          </button>
        </li>
        {way.map((k) => (
          <li key={k}>
            <Icon name="right" size={12} />
            {k === top ? (
              <bdi aria-current="location">{nameOf(tree, k)}</bdi>
            ) : (
              <button type="button" onClick={() => onZoom(k)}>
                <bdi>{nameOf(tree, k)}</bdi>
              </button>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Figures({ tree, layout, node }: { tree: FlameTree; layout: FlameLayout; node: number }) {
  const { trace } = tree;
  const n = tree.spans[node];
  const longest = trace.duration[tree.longest[node]];
  return (
    <dl class={s.figures}>
      <div>
        <dt>{t.widthIs}</dt>
        <dd>{percent(layout.width[node])}</dd>
      </div>
      <div title={t.totalHelp}>
        <dt>{t.total}</dt>
        <dd title={exactDuration(tree.total[node])}>{duration(tree.total[node])}</dd>
      </div>
      <div>
        <dt>{t.selfTime}</dt>
        <dd title={exactDuration(Math.round(tree.self[node]))}>{duration(tree.self[node])}</dd>
      </div>
      {n > 1 && (
        <>
          <div>
            <dt>{t.average}</dt>
            <dd>{duration(tree.total[node] / n)}</dd>
          </div>
          <div>
            <dt>{t.longest}</dt>
            <dd>{duration(longest)}</dd>
          </div>
        </>
      )}
    </dl>
  );
}

/** Below the picture: the figures of the box that is pointed at, or that the keyboard is at. */
export function Facts({ opened, tree, layout, node, hits }: { opened: Opened; tree: FlameTree; layout: FlameLayout; node: number; hits: Uint32Array | undefined }) {
  if (node <= 0 || node >= tree.count) return <p class={s.facts}>{t.hint}</p>;
  return (
    <div class={s.facts}>
      <span class={s.who}>
        <Service name={serviceOf(tree, node)} />
        <bdi class={s.name}>{nameOf(tree, node)}</bdi>
      </span>
      <span class={s.counts}>
        <span>{t.spans(tree.spans[node])}</span>
        {tree.errors[node] > 0 && (
          <span class={s.errors}>
            <Icon name="warning" size={12} />
            {t.errors(tree.errors[node])}
          </span>
        )}
        {hits && hits[node] > 0 && <span>{t.found(hits[node])}</span>}
        {tree.folded[node] > 0 && <span>{t.folded(tree.folded[node])}</span>}
      </span>
      <Figures tree={tree} layout={layout} node={node} />
      <Button class={s.show} onClick={() => opened.select(tree.longest[node], { details: true })}>
        {tree.spans[node] > 1 ? t.showLongest : t.showSpan}
      </Button>
    </div>
  );
}

/** Beside the pointer: what is under it. */
export function Tip({ tree, layout, node, x, y, width, height }: { tree: FlameTree; layout: FlameLayout; node: number; x: number; y: number; width: number; height: number }) {
  const right = x > width / 2;
  const below = y < height - 150;
  return (
    <div
      class={s.tip}
      aria-hidden="true"
      style={{
        left: right ? undefined : `${x + 14}px`,
        right: right ? `${width - x + 14}px` : undefined,
        top: below ? `${y + 16}px` : undefined,
        bottom: below ? undefined : `${height - y + 10}px`,
      }}
    >
      <Service name={serviceOf(tree, node)} />
      <bdi class={s.tipName}>{nameOf(tree, node)}</bdi>
      <span class={s.counts}>
        <span>{t.spans(tree.spans[node])}</span>
        {tree.errors[node] > 0 && <span class={s.errors}>{t.errors(tree.errors[node])}</span>}
      </span>
      <Figures tree={tree} layout={layout} node={node} />
    </div>
  );
}
