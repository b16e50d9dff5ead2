import { useEffect, useRef } from "preact/hooks";
import { useLoad } from "../../api/client";
import type { Stats } from "../../api/types";
import { serviceURL } from "../../calls/links";
import { ago, count, ms, percent, rate } from "../../format";
import { bounds, live, range, setRange } from "../../range";
import { navigate, place, setParams } from "../../router";
import { distinguish } from "../../theme/service";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Empty, ProblemBox, Progress } from "../../ui/State";
import { Changes } from "./Changes";
import { FirstSteps } from "./FirstSteps";
import { load } from "./load";
import { t } from "./messages";
import { firstCall, type Row } from "./rows";
import { ServiceTable } from "./ServiceTable";
import { StoreLine } from "./StoreLine";
import page from "../page.module.css";
import s from "./Overview.module.css";

const recent = 14 * 60_000;

/** The start page: whether anything is wrong, and all services. */
export default function Overview() {
  const r = range.value;
  const loaded = useLoad((signal) => load(r, signal), [r.from, r.to]);
  const { data } = loaded;
  const shown = data?.overview;
  const unused = shown !== undefined && shown.rows.length === 0 && data!.stats.storedSpans === 0;

  // The numbers of somebody who saw the first span arrive go on moving.
  const waited = useRef(false);
  useEffect(() => {
    if (unused) waited.current = true;
    else if (data && waited.current) {
      waited.current = false;
      live.value = true;
      // In an hour of which the most is empty nothing moves.
      if (shown!.rows.length > 0 && r.relative && shown!.rows.every((row) => (firstCall(row) ?? 0) > shown!.to - recent)) setRange("-15m");
    }
  }, [unused, data]);

  if (!data || !shown) {
    return <div class={page.page}>{loaded.error ? <ProblemBox problem={loaded.error} retry={loaded.reload} /> : <Progress on />}</div>;
  }
  if (unused) return <FirstSteps look={loaded.reload} />;
  distinguish(shown.rows.map((row) => row.name));
  return (
    <div class={page.page}>
      <h1 class="hidden-text">{t.title}</h1>
      {loaded.error && <ProblemBox problem={loaded.error} retry={loaded.reload} />}
      {shown.rows.length === 0 ? (
        <Nothing stats={data.stats} />
      ) : (
        <>
          <Changes overview={shown} />
          <AllServices rows={shown.rows} more={data.more} loading={loaded.loading} />
        </>
      )}
      <StoreLine />
    </div>
  );
}

function AllServices({ rows, more, loading }: { rows: readonly Row[]; more: boolean; loading: boolean }) {
  const filter = place.value.params.get("filter") ?? "";
  const wanted = filter.toLowerCase();
  const found = rows.filter((row) => row.name.toLowerCase().includes(wanted));
  const calls = rows.reduce((n, row) => n + row.now.count, 0);
  const errors = rows.reduce((n, row) => n + row.now.errors, 0);
  const perSecond = rows.reduce((n, row) => n + (row.now.rate ?? 0), 0);
  return (
    <Panel
      flush
      loading={loading}
      title={t.title}
      aside={
        <>
          <span class={s.summary}>{`${t.summary(rows.length)} · ${rate(perSecond)} · ${percent(calls ? errors / calls : 0)} ${t.errors.toLowerCase()}`}</span>
          <input
            class={s.filter}
            type="search"
            data-search
            value={filter}
            aria-label={t.filter}
            placeholder={t.filter}
            spellcheck={false}
            onInput={(e) => setParams({ filter: e.currentTarget.value }, { replace: true })}
            onKeyDown={(e) => {
              if (e.key === "Enter" && found.length > 0) navigate(serviceURL(found[0].name));
            }}
          />
        </>
      }
    >
      {found.length > 0 ? (
        <ServiceTable rows={found} />
      ) : (
        <Empty title={t.noneMatch(filter)}>
          <Button onClick={() => setParams({ filter: null }, { replace: true })}>{t.showAll}</Button>
        </Empty>
      )}
      {more && <p class={s.more}>{t.tooMany(Number(count(rows.length)))}</p>}
    </Panel>
  );
}

const wider = ["-6h", "-1d", "-7d"];

/** There is data, but not of this range. */
function Nothing({ stats }: { stats: Stats }) {
  const newest = stats.newestUnixNano ? ms(stats.newestUnixNano) : undefined;
  const { from, to } = bounds(range.value);
  const further = wider.find((w) => bounds({ from: w, to: "", relative: true }).from < from - 1000);
  return (
    <Empty title={t.nothingInRange}>
      {newest !== undefined && newest < to && <p>{t.newest(ago(newest))}</p>}
      <div class={s.buttons}>
        {newest !== undefined && (
          <Button look="primary" onClick={() => setRange({ from: newest - (to - from), to: newest + 1000 })}>
            {t.showNewest}
          </Button>
        )}
        {further && <Button onClick={() => setRange(further)}>{t.widen}</Button>}
      </div>
    </Empty>
  );
}
