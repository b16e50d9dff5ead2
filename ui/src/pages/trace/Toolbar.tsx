import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../../format";
import { place, setParams } from "../../router";
import { Flag } from "../../trace/trace";
import { Button, Segments } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Popover } from "../../ui/Popover";
import { CriticalPath } from "./CriticalPath";
import { t } from "./messages";
import type { Opened } from "./opened";
import s from "./Toolbar.module.css";

export type View = "waterfall" | "flame" | "table";

/** What can be done with the trace that is open: look at it otherwise, search it, fold it, zoom. */
export function Toolbar({ opened, view, setView }: { opened: Opened; view: View; setView: (v: View) => void }) {
  return (
    <div class={s.toolbar} role="toolbar" aria-label={t.view}>
      <Segments
        label={t.view}
        value={view}
        onChange={setView}
        options={[
          { value: "waterfall", text: t.waterfall, title: "1" },
          { value: "flame", text: t.flame, title: "2" },
          { value: "table", text: t.table, title: "3" },
        ]}
      />
      <Find opened={opened} />
      <div class={s.end}>
        {view === "waterfall" && opened.trace.value.maxDepth > 0 && <Fold opened={opened} />}
        {opened.trace.value.path.count > 0 && (
          <Popover text={<><span class={s.amber} />{t.criticalPath}</>} label={t.criticalPath} align="right">
            {() => (
              <div class={s.path}>
                <CriticalPath opened={opened} />
              </div>
            )}
          </Popover>
        )}
        {view === "waterfall" && (
          <div class={s.zoom}>
            <Button icon="minus" label={t.zoomOut} onClick={() => opened.zoomBy(0.5)} disabled={!opened.zoomed} />
            <Button icon="plus" label={t.zoomIn} onClick={() => opened.zoomBy(2)} />
            <Button icon="fit" label={t.zoomAll} onClick={() => opened.resetZoom()} disabled={!opened.zoomed} />
          </div>
        )}
        <Button icon="info" pressed={opened.details.value} label={t.panel} onClick={() => opened.show(!opened.details.peek())} />
      </div>
    </div>
  );
}

function Find({ opened }: { opened: Opened }) {
  const [text, setText] = useState(() => place.peek().params.get("find") ?? "");
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  const found = opened.found.value;
  const problem = opened.findProblem.value;
  const selected = opened.selected.value;
  const shown = found?.text;
  useEffect(() => {
    // From the address, or by "find" elsewhere on the page.
    if (shown !== undefined && document.activeElement !== input.current) setText(shown);
  }, [shown]);
  const find = (value: string) => {
    setText(value);
    void opened.find(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setParams({ find: value.trim() || null }, { replace: true }), 400) as unknown as number;
  };
  const rows = found?.hits.rows;
  const at = rows ? indexOf(rows, selected) : -1;
  return (
    <div class={s.find} role="search" aria-label={t.find}>
      <Icon name="search" />
      <input
        ref={input}
        data-find
        value={text}
        aria-label={t.find}
        placeholder={t.findHint}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={problem ? true : undefined}
        onInput={(e) => find(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === "Enter") {
            e.preventDefault();
            void opened.toHit(e.shiftKey ? -1 : 1);
          } else if (e.key === "Escape") {
            find("");
            document.querySelector<HTMLElement>("[role=tree]")?.focus();
          }
        }}
      />
      {text.trim() !== "" && (
        <>
          <span class={s.hits} role="status">
            {problem ? "" : opened.finding.value && !found ? "…" : found && rows ? (found.total > 0 ? t.hits(at + 1, rows.length) + (found.total > rows.length ? ` ${t.hitsFolded(count(found.total - rows.length))}` : "") : t.noHits) : ""}
          </span>
          <Button look="quiet" icon="up" label={t.previousHit} disabled={!found || found.total === 0} onClick={() => void opened.toHit(-1)} />
          <Button look="quiet" icon="down" label={t.nextHit} disabled={!found || found.total === 0} onClick={() => void opened.toHit(1)} />
          <Button look="quiet" icon="close" label={t.clearFind} onClick={() => find("")} />
        </>
      )}
      {problem && (
        <div class={s.problem} role="alert">
          <pre>{problem.message || t.retry}</pre>
        </div>
      )}
    </div>
  );
}

/** Where a row is in an ascending list; -1 if it is not. */
function indexOf(rows: Int32Array, row: number): number {
  let lo = 0;
  let hi = rows.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (rows[mid] < row) lo = mid + 1;
    else hi = mid;
  }
  return rows[lo] === row ? lo : -1;
}

function Fold({ opened }: { opened: Opened }) {
  const trace = opened.trace.value;
  const levels = Math.min(trace.maxDepth, 5);
  return (
    <Popover text={t.fold} icon="collapse" label={t.fold} align="right">
      {(close) => {
        const does = (change: Parameters<Opened["fold"]>[0]) => () => {
          opened.fold(change);
          close();
        };
        return (
          <div class={s.fold}>
            <Button look="quiet" icon="expand" onClick={does((tree) => tree.openAll())}>
              {t.openAll}
            </Button>
            <Button look="quiet" icon="collapse" onClick={does((tree) => tree.closeFrom(0))}>
              {t.closeAll}
            </Button>
            {levels > 0 && (
              <div class={s.levels} role="group" aria-label={t.toLevel}>
                <span>{t.toLevel}</span>
                {Array.from({ length: levels }, (_, i) => (
                  <Button key={i} label={t.level(i + 1)} onClick={does((tree) => tree.closeFrom(i))}>
                    {i + 1}
                  </Button>
                ))}
              </div>
            )}
            <Button look="quiet" icon="warning" disabled={trace.errors[trace.count] === 0} onClick={does((tree) => tree.closeBut(trace.flags.map((f) => f & Flag.error)))}>
              {t.onlyErrors}
            </Button>
            <Button
              look="quiet"
              icon="clock"
              disabled={trace.path.count === 0}
              onClick={does((tree) => {
                const keep = new Uint8Array(trace.count);
                for (const row of trace.path.row) if (row >= 0) keep[row] = 1;
                tree.closeBut(keep);
              })}
            >
              {t.onlyCritical}
            </Button>
            <Button look="quiet" icon="search" disabled={!opened.found.value?.hits.rows.length} onClick={does((tree) => tree.closeBut(opened.found.peek()!.hits.mask))}>
              {t.onlyHits}
            </Button>
          </div>
        );
      }}
    </Popover>
  );
}
