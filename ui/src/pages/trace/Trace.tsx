import { useSignalEffect } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useKeys } from "../../keys";
import { bytes } from "../../format";
import { remembered } from "../../remembered";
import { place, setParams, url } from "../../router";
import { Button } from "../../ui/Button";
import { Empty, ProblemBox, Progress } from "../../ui/State";
import { Details } from "./Details";
import { Divider } from "./Divider";
import { Header } from "./Header";
import { t } from "./messages";
import { Minimap } from "./Minimap";
import type { Opened } from "./opened";
import { Toolbar, type View } from "./Toolbar";
import { useTrace } from "./TraceLoad";
import { Waterfall } from "./Waterfall";
import s from "./Trace.module.css";

/** One trace: what it is, its spans in one of three views, and the details of one span. */
export default function TracePage({ id = "" }: { id?: string }) {
  const traceId = id.toLowerCase();
  return <Page key={traceId} id={traceId} />;
}

function Page({ id }: { id: string }) {
  const loading = useTrace(id);
  const { opened, problem, arrived } = loading;
  useEffect(() => {
    const was = document.title;
    if (opened) document.title = `${opened.trace.peek().summary.rootName || t.trace} · weft`;
    return () => {
      document.title = was;
    };
  }, [opened]);
  if (opened) return <Shown opened={opened} loading={loading} />;
  if (problem?.status === 404) {
    return (
      <Empty title={t.notFound}>
        <code>{id}</code>
        <ul class={s.why}>
          <li>{t.notFoundOnItsWay}</li>
          <li>{t.notFoundRetention}</li>
          <li>{t.notFoundSampled}</li>
        </ul>
        <div class={s.whatNow}>
          <Button look="primary" icon="refresh" onClick={loading.reload}>
            {t.retry}
          </Button>
          <a href={url("search")}>{t.toSearch}</a>
        </div>
        {loading.watching && <Progress on />}
      </Empty>
    );
  }
  if (problem) {
    return (
      <div class={s.alone}>
        <ProblemBox problem={problem} retry={loading.reload} />
      </div>
    );
  }
  return (
    <div class={s.alone} aria-busy="true">
      <Progress on={!arrived?.of} />
      <p class={s.arriving}>
        {t.loading}
        {arrived && ` · ${t.loaded(bytes(arrived.bytes), arrived.of ? bytes(arrived.of) : "")}`}
      </p>
      {arrived && arrived.of > 0 && <progress class={s.progress} max={arrived.of} value={arrived.bytes} aria-label={t.loading} />}
    </div>
  );
}

const detailsWidth = remembered<number>("weft.trace.details", 440, (v) => typeof v === "number" && v >= 260 && v <= 2000);

/** The views that not everybody looks at are loaded when they are. */
const others = {
  flame: () => import("./Flame"),
  table: () => import("./Table"),
};

function Shown({ opened, loading }: { opened: Opened; loading: ReturnType<typeof useTrace> }) {
  const asked = place.value.params.get("view");
  const view: View = asked === "flame" || asked === "table" ? asked : "waterfall";
  const setView = (v: View) => setParams({ view: v === "waterfall" ? null : v });
  const focusFind = () => document.querySelector<HTMLInputElement>("[data-find]")?.focus();

  useKeys(t.trace, [
    { keys: "↑ ↓", does: t.keyMove, run: () => {} },
    { keys: "← →", does: t.keyFold, run: () => {} },
    { keys: "Home End", does: t.keyEnds, run: () => {} },
    { keys: "↵", does: t.keyDetails, run: () => {} },
    { keys: "z", does: t.keyZoomSpan, run: () => opened.selected.peek() >= 0 && opened.zoomToSpan(opened.selected.peek()) },
    { keys: "u", does: t.keyUnfold, run: () => opened.selected.peek() >= 0 && void opened.unfold(opened.selected.peek()) },
    { keys: "f", does: t.find, run: focusFind },
    { keys: "n", does: t.nextHit, run: () => void opened.toHit(1) },
    { keys: "N", does: t.previousHit, run: () => void opened.toHit(-1) },
    { keys: "e", does: t.keyNextError, run: () => opened.toError() },
    { keys: "c", does: t.keyNextCritical, run: () => opened.toCritical() },
    { keys: "+, =", does: t.zoomIn, run: () => opened.zoomBy(2) },
    { keys: "-", does: t.zoomOut, run: () => opened.zoomBy(0.5) },
    { keys: "0", does: t.zoomAll, run: () => opened.resetZoom() },
    { keys: "1", does: t.waterfall, run: () => setView("waterfall") },
    { keys: "2", does: t.flame, run: () => setView("flame") },
    { keys: "3", does: t.table, run: () => setView("table") },
    { keys: "Escape", does: t.keyClose, run: () => opened.show(false) },
  ]);

  // The stretch of time goes into the address when it has come to rest.
  const timer = useRef(0);
  useSignalEffect(() => {
    const { from, until } = opened.zoom.value;
    const whole = !opened.zoomed;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      if (place.peek().path === `trace/${opened.id}`) setParams({ zoom: whole ? null : `${Math.round(from)}-${Math.round(until)}` }, { replace: true });
    }, 300) as unknown as number;
  });

  // Back and forward in the browser: the span that the address names.
  const named = place.value.params.get("span");
  useEffect(() => {
    const row = opened.selected.peek();
    const now = row >= 0 ? opened.trace.peek().spanId(row) : null;
    if (named && named !== now) void opened.selectSpan(named, { details: true });
  }, [named]);

  const unfoldProblem = opened.unfoldProblem.value;
  const panel = opened.details.value;
  const [bodyWidth, setBodyWidth] = useState(0);
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const el = body.current!;
    const observer = new ResizeObserver(() => setBodyWidth(el.clientWidth));
    observer.observe(el);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    // On a small screen the details lie over the lower half: what is selected is to be seen above.
    if (!panel || opened.selected.peek() < 0 || !matchMedia("(max-width: 640px)").matches) return;
    body.current!.scrollIntoView({ block: "start" });
    opened.sights.value++;
  }, [panel]);
  const most = Math.max(300, bodyWidth - 380);
  const wide = Math.min(detailsWidth.value, most);
  return (
    <article class={s.page}>
      <Progress on={loading.busy || opened.finding.value || opened.unfolding.value.size > 0} />
      <Header opened={opened} loading={loading} />
      <Toolbar opened={opened} view={view} setView={setView} />
      {(loading.problem || unfoldProblem) && (
        <div class={s.problem}>
          {loading.problem && <ProblemBox problem={loading.problem} retry={loading.reload} />}
          {unfoldProblem && (
            <ProblemBox
              problem={unfoldProblem}
              retry={() => {
                opened.unfoldProblem.value = undefined;
                loading.reload();
              }}
            />
          )}
        </div>
      )}
      <div ref={body} class={s.body}>
        <section class={s.view} aria-label={view === "waterfall" ? t.waterfall : view === "flame" ? t.flame : t.table}>
          {view === "waterfall" ? (
            <>
              <Minimap opened={opened} />
              <Waterfall opened={opened} />
            </>
          ) : (
            <Other key={view} load={others[view]} opened={opened} />
          )}
        </section>
        {panel && (
          <>
            <Divider class={s.divider} at={wide} min={300} max={most} reversed label={t.detailsWidth} onMove={(w) => (detailsWidth.value = Math.round(w))} />
            <aside
              class={s.details}
              style={{ "--details": `${wide}px` }}
              aria-label={t.details}
              data-details
              tabIndex={-1}
              onKeyDown={(e) => {
                if (e.key !== "Escape" || e.defaultPrevented) return;
                e.preventDefault();
                opened.show(false);
                document.querySelector<HTMLElement>("[role=tree]")?.focus();
              }}
            >
              <Button class={s.close} look="quiet" icon="close" label={t.closeDetails} onClick={() => opened.show(false)} />
              <Details opened={opened} />
            </aside>
          </>
        )}
      </div>
    </article>
  );
}

type OtherView = FunctionComponent<{ opened: Opened }>;

function Other({ load, opened }: { load: () => Promise<{ default: OtherView }>; opened: Opened }) {
  const [loaded, setLoaded] = useState<{ View: OtherView }>();
  const [failed, setFailed] = useState<Error>();
  useEffect(() => {
    load().then((m) => setLoaded({ View: m.default }), setFailed);
  }, []);
  if (failed) throw failed; // for the guard round the page
  return loaded ? <loaded.View opened={opened} /> : <Progress on />;
}
