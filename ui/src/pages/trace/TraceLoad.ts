import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../../api/client";
import { place } from "../../router";
import { distinguish } from "../../theme/service";
import { loadColumns, mostRows, type Arrived } from "../../trace/load";
import { Trace } from "../../trace/trace";
import { Opened } from "./opened";

export interface Loading {
  opened: Opened | undefined;
  problem: Problem | undefined;
  arrived: Arrived | undefined; // while a large trace is on its way
  busy: boolean;
  watching: boolean; // looks for spans that may still come in
  fresh: number; // spans that came in since the page was opened, for a moment
  reload: () => void;
}

// When a trace is looked at while it happens: after so many seconds the page asks for more of it.
const watch = [2, 3, 5, 8, 12, 15, 20, 30, 60];
const recent = 3 * 60e3; // older traces are complete
const missingEvery = 3; // seconds after which a trace that is not there is asked for again,
const missingTimes = 20; // so many times
const awayEvery = 5; // seconds after which a server that cannot be reached is asked again

/** Loads a trace, and as long as it is young or not there yet again and again. */
export function useTrace(id: string): Loading {
  const [state, setState] = useState<Omit<Loading, "reload">>({ opened: undefined, problem: undefined, arrived: undefined, busy: true, watching: false, fresh: 0 });
  const again = useRef<() => void>(() => {});
  useEffect(() => {
    const abort = new AbortController();
    let opened: Opened | undefined;
    let etag = "";
    let timer = 0;
    let asked = 0;
    let shown = 0;
    const set = (change: Partial<Loading>) => !abort.signal.aborted && setState((s) => ({ ...s, ...change }));
    const later = (seconds: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => void load(false), seconds * 1000) as unknown as number;
    };

    const load = async (byHand: boolean): Promise<void> => {
      clearTimeout(timer);
      if (byHand) asked = 0;
      set({ busy: true });
      try {
        // What is selected is to be there, folded away or not.
        const selected = opened ? opened.selected.peek() : -1;
        const span = opened ? (selected >= 0 ? opened.trace.peek().spanId(selected) : "") : (place.peek().params.get("span") ?? "");
        const reveal = /^[0-9a-f]{16}$/.test(span) ? span : "";
        const answer = await loadColumns(id, { limit: mostRows, reveal }, { signal: abort.signal, etag, onProgress: opened ? undefined : (arrived) => arrived.bytes > 300_000 && set({ arrived }) });
        if (answer) {
          etag = answer.etag;
          const trace = new Trace(answer.columns);
          if (!opened) {
            distinguish(trace.services);
            opened = start(trace, span);
          } else {
            const more = trace.summary.spanCount - opened.trace.peek().summary.spanCount;
            distinguish(trace.services);
            opened.replace(trace);
            if (more > 0) {
              asked = 0;
              set({ fresh: more });
              clearTimeout(shown);
              shown = setTimeout(() => set({ fresh: 0 }), 5000) as unknown as number;
            }
          }
        }
        const { startUnixNano, durationNanos } = opened!.trace.peek().summary;
        const age = Date.now() - Number(BigInt(startUnixNano) / 1_000_000n) - durationNanos / 1e6;
        const watching = age < recent && asked < watch.length;
        if (watching) later(watch[asked++]);
        set({ opened, problem: undefined, arrived: undefined, busy: false, watching });
      } catch (e) {
        if (abort.signal.aborted) return;
        const problem = e instanceof Problem ? e : new Problem(-1, String(e));
        const missing = problem.status === 404 && !opened && asked < missingTimes;
        if (missing) {
          asked++;
          later(missingEvery);
        }
        const away = problem.status === 0 || problem.status === 502 || problem.status === 503;
        if (away) later(awayEvery);
        set({ problem, arrived: undefined, busy: false, watching: missing });
      }
    };
    again.current = () => void load(true);
    void load(true);
    return () => {
      abort.abort();
      clearTimeout(timer);
      clearTimeout(shown);
    };
  }, [id]);
  return { ...state, reload: () => again.current() };
}

/** Opens a trace as the address says: the span, the search, the stretch of time. */
function start(trace: Trace, span: string): Opened {
  const opened = new Opened(trace);
  const { params } = place.peek();
  if (span) void opened.selectSpan(span, { details: true });
  const zoom = /^(\d+)-(\d+)$/.exec(params.get("zoom") ?? "");
  if (zoom && Number(zoom[2]) > Number(zoom[1])) opened.zoomTo(Number(zoom[1]), Number(zoom[2]));
  const find = params.get("find");
  if (find) void opened.find(find);
  return opened;
}
