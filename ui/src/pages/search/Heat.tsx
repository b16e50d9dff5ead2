import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { get, useLoad } from "../../api/client";
import type { HeatMap as Data } from "../../api/types";
import { count, duration, ms, percent, queryDuration, time } from "../../format";
import { setDurations } from "../../query/edit";
import { bounds, live, range } from "../../range";
import { navigate, setParams, url } from "../../router";
import { Button, Segments } from "../../ui/Button";
import { boxParam, grid, heatColumns, inside, type Box } from "../../ui/heat";
import { HeatMap } from "../../ui/HeatMap";
import { Panel } from "../../ui/Panel";
import { Partial, ProblemBox } from "../../ui/State";
import { Differences } from "./Differences";
import s from "./Heat.module.css";
import { t } from "./messages";
import { asked, type Shown } from "./place";
import { first, justAfter } from "./turns";

async function ask(q: string, columns: number, budget: string, signal: AbortSignal): Promise<Data> {
  const query = { q, ...asked(), columns, perDecade: 6, budget };
  await justAfter(signal);
  return first(get<Data>("/heatmap", query, signal));
}

/** When the spans of the query were and how long they took; a part of it can be looked into. */
export function Heat({ now }: { now: Shown }) {
  const frame = useRef<HTMLDivElement>(null);
  const [columns, setColumns] = useState(0);
  useLayoutEffect(() => setColumns(heatColumns(frame.current!.clientWidth)), []);
  const { from, to } = range.value;
  const map = useLoad((signal) => (columns ? ask(now.q, columns, "250ms", signal) : undefined), [now.q, from, to, columns]);
  // A sample is there at once, but columns of which no block was read look as if nothing had happened then: all of it follows.
  const sampled = (map.data?.share ?? 1) < 1 && !live.value;
  const whole = useLoad((signal) => (sampled ? ask(now.q, columns, "15s", signal) : undefined), [sampled, now.q, columns, map.data?.fromUnixNano, map.data?.toUnixNano], { keep: false, refreshed: false });
  const data = sampled && whole.data ? whole.data : map.data;
  // The results say so already.
  const unreachable = map.error && [0, 502, 503].includes(map.error.status);
  const b = bounds(range.value);
  const ends = data ? { from: ms(data.fromUnixNano), to: ms(data.toUnixNano) } : b;
  const g = data && grid(data);
  return (
    <>
      <Panel
        title={t.heat}
        loading={map.loading || (sampled && whole.loading)}
        aside={
          <>
            {g && (
              <span class={s.sums} title={g.estimated ? t.estimated(percent(data.share ?? 1)) : undefined}>
                {g.estimated && <span class={s.estimated}>{t.estimated(percent(data.share ?? 1))}</span>}
                {t.matching(about(g, g.total))}
                {g.errors > 0 && <span class={s.failed}>{t.failing(about(g, g.errors))}</span>}
              </span>
            )}
            <Legend errors={now.errors || (!!g && g.total > 0 && g.errors === g.total)} />
            <Segments
              label={t.colour}
              value={now.errors ? "errors" : "all"}
              onChange={(v) => setParams({ heat: v === "errors" ? v : null }, { replace: true })}
              options={[
                { value: "all", text: t.byCount },
                { value: "errors", text: t.byErrors },
              ]}
            />
          </>
        }
      >
        <div ref={frame}>
          {map.error && map.error.parameter !== "q" && !unreachable && <ProblemBox problem={map.error} retry={map.reload} />}
          <HeatMap
            data={data}
            {...ends}
            label={t.heatLabel}
            errors={now.errors}
            height={196}
            box={now.box}
            onSelect={(box) => setParams({ box: boxParam(box), diff: box && now.differences })}
            onOpen={(id) => navigate(url(`trace/${id}`))}
          />
        </div>
        {data?.partial && !g?.estimated && <Partial why={data.why} />}
        {now.box && <Selection box={now.box} sum={g && inside(g, now.box)} estimated={!!g?.estimated} now={now} />}
      </Panel>
      {now.box && now.differences && <Differences q={now.q} box={now.box} />}
    </>
  );
}

/** A number of spans, marked if it is estimated. */
function about(g: { estimated: boolean }, n: number): string {
  return g.estimated ? `≈ ${count(n)}` : count(n);
}

function Legend({ errors }: { errors: boolean }) {
  return (
    <span class={s.legend} aria-hidden="true">
      {t.fewer}
      <span class={errors ? s.redRamp : s.ramp} />
      {t.many}
    </span>
  );
}

/** What was selected on the map, and what can be done with it. */
function Selection({ box, sum, estimated, now }: { box: Box; sum: { count: number; errors: number } | undefined; estimated: boolean; now: Shown }) {
  const narrow = () =>
    setParams({
      q: setDurations(now.q, box.min > 0 ? queryDuration(box.min) : "", queryDuration(box.max)),
      from: Math.floor(box.from),
      to: Math.ceil(box.to),
      box: null,
      diff: null,
    });
  return (
    <div class={s.selection} role="group" aria-label={t.selected}>
      <span class={s.what}>
        <strong>{t.selected}</strong>
        {sum && <span>{t.matching(about({ estimated }, sum.count))}</span>}
        {sum && sum.errors > 0 && <span class={s.failed}>{t.failing(about({ estimated }, sum.errors))}</span>}
        <span>
          {duration(box.min)} – {duration(box.max)}
        </span>
        <span>
          {time(box.from)} – {time(box.to)}
        </span>
      </span>
      <span class={s.actions}>
        <Button icon="search" onClick={narrow}>
          {t.searchThese}
        </Button>
        <Button icon="compare" look={now.differences ? "plain" : "primary"} pressed={now.differences || undefined} onClick={() => setParams({ diff: !now.differences })}>
          {t.whatDiffers}
        </Button>
        <Button icon="close" look="quiet" label={t.dropSelection} onClick={() => setParams({ box: null, diff: null })} />
      </span>
    </div>
  );
}
